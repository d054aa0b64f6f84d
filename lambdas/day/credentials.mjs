/**
 * Temporary credentials of a role, by way of a user: the secret has the user's name and password, the user pool gives a
 * token for them, and the identity pool gives the role's credentials for the token.
 *
 * They are kept in memory until shortly before they expire. What is kept is the promise, so that requests which arrive
 * together sign in once; a failure is not kept.
 */

/** How long before their end credentials are no longer used: longer than the longest request. */
const MARGIN_MS = 5 * 60 * 1000;

/** A secret that is not what this function needs; says so without quoting it. */
class UnusableSecret extends Error {
  name = "UnusableSecret";
}

/** An answer of Cognito's without what was asked for, as when the user must change a password first. */
class NotSignedIn extends Error {
  name = "NotSignedIn";
}

export function makeCredentials({ readSecret, signIn, identify, exchange, now = () => Date.now() }) {
  let kept;

  async function obtain(signal) {
    const token = await signIn(userIn(await readSecret(signal)), signal);
    if (!token) throw new NotSignedIn();
    const identity = await identify(token, signal);
    const credentials = await exchange(identity, token, signal);
    if (!credentials?.AccessKeyId || !credentials.SecretKey || !credentials.SessionToken) throw new NotSignedIn();
    return {
      accessKeyId: credentials.AccessKeyId,
      secretAccessKey: credentials.SecretKey,
      sessionToken: credentials.SessionToken,
      expires: new Date(credentials.Expiration).getTime(),
    };
  }

  return {
    /** Credentials that last longer than the request they are for; obtained, where need be, before `signal`. */
    async get(signal) {
      const before = kept;
      const current = await before?.catch(() => undefined);
      // Another request may have renewed them while this one waited; or failed to, and then nothing is kept.
      if (kept && kept !== before) return kept;
      if (!(current && current.expires - MARGIN_MS > now())) {
        const obtained = obtain(signal);
        obtained.catch(() => {
          if (kept === obtained) kept = undefined;
        });
        kept = obtained;
      }
      return kept;
    },

    /** These were refused: the next request asks anew, as after a rotation. */
    drop() {
      kept = undefined;
    },
  };
}

function userIn(secretString) {
  let user;
  try {
    user = JSON.parse(secretString);
  } catch {
    throw new UnusableSecret();
  }
  if (typeof user?.username !== "string" || typeof user?.password !== "string") throw new UnusableSecret();
  return user;
}
