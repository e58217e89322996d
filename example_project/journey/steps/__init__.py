"""The steps of the journey, in their order."""

from ..step import Step
from . import admin, api, aws, files, leaving, membership, outage, programs, refusals, signing_in, srp

ALL: tuple[Step, ...] = (
    signing_in.wrong_password,
    signing_in.hosted_ui_with_pkce,
    signing_in.no_code_no_entry,
    signing_in.with_totp_code,
    signing_in.me_page,
    api.nobody,
    api.editor_writes,
    api.viewer_reads_only,
    refusals.tampered,
    refusals.id_token,
    refusals.other_client,
    refusals.other_pool,
    refusals.expired,
    srp.right_password,
    srp.wrong_password,
    admin.admin_enters,
    admin.editor_does_not,
    files.kept_and_read_back,
    aws.others_are_denied,
    files.site_asks_aws,
    files.reader_may_not_write,
    files.photo_is_its_authors,
    aws.api_with_id_token,
    aws.renewed,
    programs.reads_by_scope,
    membership.taken_out_of_a_group,
    outage.keys_unreachable,
    outage.known_keys_serve,
    outage.late_process_cannot_tell,
    leaving.sign_out_revokes,
    leaving.sign_out_ends_sessions,
)
