"""Addresses of the pages, the upload and the API."""

from django.urls import path

from imgs import views
from imgs.api import api

urlpatterns = [
    path("", views.gallery, name="index"),
    path("g/<slug:slug>/", views.gallery, name="gallery"),
    path("wall/", views.wall, name="wall"),
    path("g/<slug:slug>/wall/", views.wall, name="gallery_wall"),
    path("g/<slug:slug>/qr.svg", views.qr_code, name="qr"),
    path("upload/", views.upload, name="upload"),
    path("api/v1/", api.urls),
    path("metrics", views.metrics_text, name="metrics"),
]
