"""Steps: sign-in by SRP with an independent client library."""

from botocore.exceptions import ClientError

from .. import api, srp
from ..context import Context
from ..step import step


@step("pycognito signs bob in by SRP, and the API accepts his token", expected="a token; 200")
def correct_password(context: Context) -> str:
    """Check that the client library gets a token without sending the password."""
    token = srp.sign_in(context.idp, context.web_client, context.users["bob"])
    return f"a token; {api.summarize(api.list_notes(context, token))}"


@step("pycognito with a wrong password", expected="NotAuthorizedException, and no token")
def wrong_password(context: Context) -> str:
    """Check that Cognito refuses the SRP proof of a wrong password."""
    try:
        srp.sign_in(context.idp, context.web_client, context.users["bob"], password="not-his-password-1A")
    except ClientError as error:
        return f"{error.response['Error']['Code']}, and no token"
    return "a token"
