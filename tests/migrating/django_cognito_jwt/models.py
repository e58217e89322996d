from django.contrib.auth.models import UserManager


def get_or_create_for_cognito(self, payload):
    return self.get_or_create(username=payload["sub"], defaults={"email": payload["email"]})[0]


# A site with a user model of its own has this method in its manager.
UserManager.get_or_create_for_cognito = get_or_create_for_cognito
