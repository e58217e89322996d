"""The URLs of the login: `path("auth/", include("django_cognito.urls"))`, namespace "cognito"."""

from django.urls import path

from .account import logins
from .login import resubmission, views

app_name = "cognito"

urlpatterns = [
    path("login/", views.login, name="login"),
    path("sign-up/", views.login, {"page": "sign_up"}, name="sign_up"),
    path("forgot-password/", views.login, {"page": "forgot_password"}, name="forgot_password"),
    path("step-up/", views.login, {"page": "step_up"}, name="step_up"),
    path("link/", views.link, name="link"),
    path("unlink/<int:link_id>/", views.unlink, name="unlink"),
    path("callback/", views.callback, name="callback"),
    path("confirm/", views.confirm_sign_in, name="confirm"),
    path("logout/", views.logout, name="logout"),
    path("resubmit/", resubmission.show_signed_in, name="resubmit"),
    path("resubmit/check/", resubmission.check_user, name="check_resubmission"),
    path("logins/", logins.show_logins, name="logins"),
    path("logins/end-others/", logins.end_other_logins, name="end_other_logins"),
    path("logins/<uuid:login_id>/end/", logins.end_login, name="end_login"),
]
