"""All addresses."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

urlpatterns = [
    path("", include("imgs.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("jsi18n/", JavaScriptCatalog.as_view(packages=None, domain="djangojs"), name="javascript_catalog"),
    path("admin/", admin.site.urls),
]
handler400 = "imgs.views.bad_request"
handler500 = "imgs.views.server_error"
