"""`manage.py cognito_rights`: explains the rights of a user, and shows what changed GROUPS would change."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from django_cognito.authorization.explanation import UserRights
from django_cognito.authorization.preview import list_differences, replace_groups
from django_cognito.conf.loading import get_pool_registry
from django_cognito.conf.schema import DECLARATIONS
from django_cognito.conf.validation import check_grants
from django_cognito.models import CognitoUser


class Command(BaseCommand):
    """Print the rights of one user with their reasons, or the differences that another GROUPS would make."""

    help = (
        "Explain each right of USER: which Cognito group, which setting and which source it comes from. With"
        " --permission, explain why the user has one permission or not. With --groups, show what another GROUPS would"
        " change for each user. Nothing is written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the user and the options."""
        parser.add_argument("user", nargs="?", metavar="USER", help="the username, or the sub or username in Cognito")
        parser.add_argument(
            "--tenant", default="", metavar="TENANT", help="add the rights in this tenant (TENANT_GROUPS)"
        )
        parser.add_argument("--permission", metavar="APP.CODENAME", help="explain this permission alone")
        parser.add_argument("--groups", type=Path, metavar="FILE", help="a JSON file with another value of GROUPS")
        parser.add_argument("--pool", metavar="ALIAS", help="the alias of POOLS for --groups; by default the first")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the explanation or the differences. Raise CommandError for a user, pool or file that cannot be read."""
        if options["groups"] is not None:
            if options["user"] or options["permission"] or options["tenant"]:
                raise CommandError("--groups shows all users: leave out USER, --permission and --tenant.")
            return self.show_differences(options["groups"], options["pool"], options["json"])
        if not options["user"]:
            raise CommandError("Name a user, or a file with --groups.")
        rights = UserRights(_find_user(options["user"]), options["tenant"])
        if options["permission"]:
            return self.explain_permission(rights, options["permission"], options["json"])
        if options["json"]:
            return self.print_json({"links": rights.links, "rights": rights.rights})
        self.explain(rights)
        return None

    def explain(self, rights: UserRights) -> None:
        """Print the links and the rights of a user."""
        user = rights.user
        tenant = f" in the tenant {rights.tenant!r}" if rights.tenant else ""
        self.print_line(f"{user.get_username()}{tenant}{'' if user.is_active else ' (inactive: no right counts)'}")
        for link in rights.links:
            source = f", from {link.source}" if link.source else ""
            self.print_line(f"  Cognito user {link.username} of {link.pool!r} (sub {link.sub})")
            groups = ", ".join(link.groups) or "none"
            self.print_line(f"    groups: {groups}; as of {link.as_of:%Y-%m-%d %H:%M:%S} UTC{source}")
            if link.tenants:
                self.print_line(f"    tenants: {', '.join(link.tenants)}")
            if link.note:
                self.print_line(f"    {link.note}")
        if not rights.links:
            self.print_line("  no link to a Cognito user")
        for right in rights.rights:
            self.print_line(f"  {right.kind} {right.name}")
            for reason in right.reasons:
                self.print_line(f"    {reason}")

    def explain_permission(self, rights: UserRights, name: str, is_json: bool) -> None:
        """Print why the user has a permission, or why not."""
        reasons = rights.explain_permission(name)
        missing = [] if reasons else rights.explain_missing(name)
        if is_json:
            return self.print_json({"permission": name, "granted": bool(reasons), "reasons": reasons or missing})
        self.print_line(f"{rights.user.get_username()} {'has' if reasons else 'does not have'} {name}:")
        for reason in reasons or missing:
            self.print_line(f"  {reason}")
        return None

    def show_differences(self, file: Path, alias: str | None, is_json: bool) -> None:
        """Print what the GROUPS of `file` would change. Raise CommandError for another alias or a wrong file."""
        try:
            settings = get_pool_registry().for_alias(alias)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        differences = list_differences(settings, replace_groups(settings, _read_groups(file)))
        users = 0
        for difference in differences:
            users += bool(difference.gained or difference.lost)
            name, cognito_name = difference.user.get_username(), difference.link.username
            if is_json:
                members = {"gained": difference.gained, "lost": difference.lost, "protected": difference.protected}
                self.print_json({"user": name, "cognito_username": cognito_name, **members}, indent=None)
                continue
            self.print_line(f"{name} (Cognito user {cognito_name})")
            for sign, rights in (("+", difference.gained), ("-", difference.lost), ("=", difference.protected)):
                for right in rights:
                    note = " stays: no other active superuser is left (KEEP_LAST_SUPERUSER)" if sign == "=" else ""
                    self.print_line(f"  {sign} {right}{note}")
        if not is_json:
            self.print_line(f"{users} user{'' if users == 1 else 's'} of {settings.alias!r} would change.")

    def print_line(self, text: str) -> None:
        """Print a line. Group names and usernames may contain control characters, which a terminal would execute."""
        self.stdout.write("".join(char if char.isprintable() else ascii(char)[1:-1] for char in text))

    def print_json(self, value: Any, indent: int | None = 2) -> None:
        """Print a value with dataclasses and moments as JSON."""

        def encode(item: Any) -> Any:
            return asdict(item) if hasattr(item, "__dataclass_fields__") else DjangoJSONEncoder().default(item)

        self.stdout.write(json.dumps(value, default=encode, indent=indent))


def _find_user(name: str) -> Any:
    """Return the user with this username, else the one whose link has this `sub` or Cognito username."""
    model = get_user_model()
    try:
        return model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist:
        links = CognitoUser.objects.select_related("user").order_by("pk")
        for condition in ({"sub": name}, {"username": name}):
            users = {link.user_id: link.user for link in links.filter(**condition)[:2]}
            if len(users) == 1:
                return next(iter(users.values()))
            if users:
                raise CommandError(f"Several users have the Cognito username {name!r}: give the sub.") from None
    raise CommandError(f"There is no user {name!r}: give a username, or the sub or username in Cognito.")


def _read_groups(file: Path) -> Any:
    """Return GROUPS of a JSON file. Raises CommandError if it is not valid, with the messages of the system checks."""
    try:
        value = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read as JSON: {error}") from error
    declaration = DECLARATIONS["GROUPS"]
    if not declaration.validator.is_valid(value):
        raise CommandError(f"{file} must contain {declaration.validator.expected}.")
    if problems := list(check_grants(value, str(file))):
        raise CommandError(" ".join(f"{problem.message} {problem.hint}".strip() for problem in problems))
    return declaration.convert(value)
