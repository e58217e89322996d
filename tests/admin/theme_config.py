"""The admin's app of a project with a theme. A module of its own: the models are not loaded when it is imported."""

from django.contrib.admin.apps import AdminConfig


class ProjectAdminConfig(AdminConfig):
    """The admin's app, whose default site is the project's."""

    default_site = "tests.admin.theme_site.ProjectAdminSite"
