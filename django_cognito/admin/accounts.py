"""The admin pages of links, memberships and logins: read-only, without tokens. Must not be imported before the models.

Only a link can be deleted, by `users.linking.unlink`, which deletes its memberships and logins too.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.options import InlineModelAdmin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ..core.errors import SignInError
from ..models import CognitoLogin, CognitoMembership, CognitoUser
from ..users import linking
from . import search

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _TabularInline = admin.TabularInline[Any, Any]
    _FormSet = BaseInlineFormSet[Any, Any, Any]
else:
    _ModelAdmin, _TabularInline, _FormSet = admin.ModelAdmin, admin.TabularInline, BaseInlineFormSet


class ReadOnlyFormSet(_FormSet):
    """The rows of a read-only inline. Nothing is read from the posted form, which may come without these rows."""

    def __init__(self, data: Any = None, files: Any = None, **options: Any) -> None:
        super().__init__(**options)

    def is_valid(self) -> bool:
        """Return True: there is nothing to validate."""
        return True

    def save(self, commit: bool = True) -> list[Any]:
        """Save nothing, and report to the admin that nothing has changed."""
        self.new_objects: list[Any] = []
        self.changed_objects: list[Any] = []
        self.deleted_objects: list[Any] = []
        return []


class ReadOnlyInline(_TabularInline):
    """Rows that the admin shows and does not change."""

    formset = ReadOnlyFormSet
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return Django's permission; False on the page of a new object, which has no rows."""
        return obj is not None and super().has_view_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return all rows. Django's inline checks the permission again here, without the object."""
        return super(InlineModelAdmin, self).get_queryset(request)


class CognitoUserInline(ReadOnlyInline):
    """The links of a user, for the user's admin: `inlines = [CognitoUserInline]`."""

    model = CognitoUser
    fields = ("username", "user_pool_id", "sub", "groups", "as_of")
    readonly_fields = fields
    show_change_link = True


class CognitoMembershipInline(ReadOnlyInline):
    """The Cognito groups of a link, with what they granted."""

    model = CognitoMembership
    fields = ("name", "granted_groups", "granted_staff", "granted_superuser")
    readonly_fields = fields


class ReadOnlyAdmin(_ModelAdmin):
    """Pages that show rows of a large table and do not change them."""

    paginator = search.BoundedPaginator
    show_full_result_count = False
    sortable_by = ()  # only the order of an index
    find_ids = staticmethod(search.find_links)
    id_lookup = "pk__in"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows that `find_ids` finds, all for an empty term, and that there are no duplicates."""
        term = search_term.strip()
        return queryset.filter(**{self.id_lookup: self.find_ids(term, queryset.db)}) if term else queryset, False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether `obj` is set: Django requires the permission for each row that is deleted with its user."""
        return obj is not None

    def has_unlink_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may delete a row on its own page."""
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the page without the button "Delete", unless the user may use it."""
        context = {**(extra_context or {}), "show_delete": self.has_unlink_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete a row on its own page. Raise PermissionDenied if the user may not."""
        if not self.has_unlink_permission(request):
            raise PermissionDenied
        return super().delete_view(request, object_id, extra_context)


class CognitoUserAdmin(ReadOnlyAdmin):
    """The links of Cognito users to Django users."""

    list_display = ("username", "user", "user_pool_id", "as_of", "created_at")
    list_select_related = ("user",)
    search_fields = ("sub",)  # shows the field for searches; `find_ids` has the conditions
    search_help_text = _("The beginning of a Django username, or a complete sub. Shows at most 1,000 rows.")
    fields = ("user", "username", "user_pool_id", "sub", "groups", "as_of", "identity_id", "created_at")
    readonly_fields = fields
    inlines = (CognitoMembershipInline,)

    def has_unlink_permission(self, request: HttpRequest) -> bool:
        """Return whether the user has Django's permission to delete links."""
        return super(ReadOnlyAdmin, self).has_delete_permission(request)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Unlink after a confirmation; a link without which its user could not sign in stays."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except SignInError:
            text = _("This user could not sign in without this account. Deactivate or delete the user instead.")
            self.message_user(request, text, messages.ERROR)
            page = reverse(
                "admin:django_cognito_cognitouser_change", args=[object_id], current_app=self.admin_site.name
            )
            return HttpResponseRedirect(page)

    def delete_model(self, request: HttpRequest, obj: CognitoUser) -> None:
        """Unlink: revoke the grants of the link's groups and delete its logins."""
        linking.unlink(obj.user, obj.pk)


class CognitoMembershipAdmin(ReadOnlyAdmin):
    """The Cognito groups of links."""

    list_display = ("name", "cognito_user", "granted_staff", "granted_superuser")
    list_select_related = ("cognito_user",)
    search_fields = ("name",)
    find_ids = staticmethod(search.find_memberships)
    search_help_text = _(
        "The beginning of a Cognito group or of a Django username, or a complete sub. Shows at most 1,000 rows."
    )
    fields = ("cognito_user", "name", "granted_groups", "granted_staff", "granted_superuser")
    readonly_fields = fields


class CognitoLoginAdmin(ReadOnlyAdmin):
    """The logins of browser sessions, without their tokens."""

    list_display = ("cognito_user", "created_at", "expires_at")
    list_select_related = ("cognito_user",)
    ordering = ("-expires_at",)
    search_fields = ("cognito_user",)
    id_lookup = "cognito_user__in"
    search_help_text = CognitoUserAdmin.search_help_text
    fields = ("cognito_user", "created_at", "expires_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the logins; their tokens are not read from the database."""
        return super().get_queryset(request).defer("tokens")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the logins of the links that the search finds.

        In an order that no index has: otherwise PostgreSQL reads the index of `expires_at` until it has found a page.
        """
        rows, has_duplicates = super().get_search_results(request, queryset, search_term)
        if search_term.strip():
            rows = rows.order_by(F("expires_at").desc(nulls_last=True), "pk")
        return rows, has_duplicates


def register_models(site: admin.AdminSite) -> None:
    """Register links, memberships and logins at `site`, unless the project has done so.

    Django's own admin of users, if `site` has it unchanged, gets `CognitoUserInline`.
    """
    admins = {CognitoUser: CognitoUserAdmin, CognitoMembership: CognitoMembershipAdmin, CognitoLogin: CognitoLoginAdmin}
    for model, model_admin in admins.items():
        if not site.is_registered(model):
            site.register(model, model_admin)
    user_model = get_user_model()
    if site.is_registered(user_model):
        user_admin: Any = site.get_model_admin(user_model)
        # By name: to import that module is to register its models at the default site, which may be under construction.
        name = f"{type(user_admin).__module__}.{type(user_admin).__qualname__}"
        if name == "django.contrib.auth.admin.UserAdmin" and not user_admin.inlines:
            user_admin.inlines = [CognitoUserInline]
