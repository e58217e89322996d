// Signs in with AWS's JavaScript client and prints the outcome of the steps as JSON.
// Arguments: the endpoint, the user pool id, the client id, the username, the password.
import { AuthenticationDetails, CognitoUser, CognitoUserPool } from "amazon-cognito-identity-js";

const [endpoint, UserPoolId, ClientId, Username, Password] = process.argv.slice(2);
const user = new CognitoUser({ Username, Pool: new CognitoUserPool({ UserPoolId, ClientId, endpoint }) });
const print = (outcome) => console.log(JSON.stringify(outcome));

function attributes() {
  return new Promise((resolve, reject) => {
    user.getUserAttributes((error, attributes) => (error ? reject(error) : resolve(attributes)));
  });
}

function refresh(session) {
  return new Promise((resolve, reject) => {
    user.refreshSession(session.getRefreshToken(), (error, refreshed) => (error ? reject(error) : resolve(refreshed)));
  });
}

user.authenticateUser(new AuthenticationDetails({ Username, Password }), {
  onFailure: (error) => print({ refused: error.name, message: error.message }),
  onSuccess: async (session) => {
    try {
      const userAttributes = await attributes();
      const refreshed = await refresh(session);
      print({
        username: session.getIdToken().payload["cognito:username"],
        attributes: userAttributes.map((attribute) => attribute.getName()),
        refreshed: refreshed.isValid(),
      });
    } catch (error) {
      print({ failed: error.name, message: error.message });
    }
  },
});
