urlpatterns += [path("oauth2/", include("django_auth_adfs.urls"))]
