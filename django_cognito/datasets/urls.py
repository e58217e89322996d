"""The URLs of datasets: `path("datasets/", include("django_cognito.datasets.urls"))`."""

from django.urls import path

from . import views

app_name = "cognito_datasets"

urlpatterns = [
    path("", views.list_datasets, name="list"),
    path("<str:name>/", views.use_dataset, name="dataset"),
]
