"""What an upload request may carry."""

from django import forms

from imgs import problems


class UploadForm(forms.Form):
    """One picture, and a key by which the client may safely send it again."""

    image = forms.FileField(max_length=None)
    key = forms.UUIDField(required=False)

    def problem(self) -> problems.Problem:
        """What to answer when the form is not valid."""
        return problems.missing_file() if "image" in self.errors else problems.bad_request()
