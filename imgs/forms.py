"""What an upload request may carry."""

from typing import Any

from django import forms

from imgs import problems
from imgs.models import default_options
from imgs.options import FORMATS, QUALITIES, WIDTHS, Options


class UploadForm(forms.Form):
    """One picture, what to make of it, and a key by which the client may safely send it again."""

    image = forms.FileField(max_length=None)
    key = forms.UUIDField(required=False)
    width = forms.IntegerField(required=False, min_value=WIDTHS[0], max_value=WIDTHS[1])
    format = forms.ChoiceField(required=False, choices=[(name, name) for name in FORMATS])
    quality = forms.IntegerField(required=False, min_value=QUALITIES[0], max_value=QUALITIES[1])

    def clean_image(self) -> Any:
        """The one picture; of two, one would be lost without a word."""
        if len(self.files.getlist("image")) > 1:
            raise forms.ValidationError("")
        return self.cleaned_data["image"]

    @property
    def options(self) -> Options:
        """What was chosen, of a valid form; the settings say the rest."""
        chosen = {name: self.cleaned_data[name] for name in ("width", "format", "quality")}
        return default_options().changed({name: value for name, value in chosen.items() if value})

    def problem(self) -> problems.Problem:
        """What to answer when the form is not valid."""
        if len(self.files.getlist("image")) > 1:
            return problems.one_at_a_time()
        if "image" in self.errors:
            return problems.missing_file()
        return problems.bad_request() if "key" in self.errors else problems.invalid_parameter()
