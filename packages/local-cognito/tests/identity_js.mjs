// Signs in with AWS's own JavaScript client and prints, as JSON, what became of each step.
// Arguments: the endpoint, the user pool id, the client id, the username, the password.
import { AuthenticationDetails, CognitoUser, CognitoUserPool } from "amazon-cognito-identity-js";

const [endpoint, UserPoolId, ClientId, Username, Password] = process.argv.slice(2);
const user = new CognitoUser({ Username, Pool: new CognitoUserPool({ UserPoolId, ClientId, endpoint }) });
const told = (outcome) => console.log(JSON.stringify(outcome));

function attributes() {
  return new Promise((resolve, reject) => {
    user.getUserAttributes((error, found) => (error ? reject(error) : resolve(found)));
  });
}

function refresh(session) {
  return new Promise((resolve, reject) => {
    user.refreshSession(session.getRefreshToken(), (error, renewed) => (error ? reject(error) : resolve(renewed)));
  });
}

user.authenticateUser(new AuthenticationDetails({ Username, Password }), {
  onFailure: (error) => told({ refused: error.name, message: error.message }),
  onSuccess: async (session) => {
    try {
      const found = await attributes();
      const renewed = await refresh(session);
      told({
        username: session.getIdToken().payload["cognito:username"],
        attributes: found.map((attribute) => attribute.getName()),
        renewed: renewed.isValid(),
      });
    } catch (error) {
      told({ failed: error.name, message: error.message });
    }
  },
});
