/**
 * Obtains temporary credentials of a role: reads the user's name and password from the secret, signs in to the user pool,
 * and exchanges the token at the identity pool for the role's credentials.
 *
 * The credentials stay in memory until shortly before they expire. The promise is kept and not its result, so that
 * requests which arrive together sign in once. A failure is not kept.
 */

/** Credentials are renewed this long before they expire: longer than the longest request. */
const MARGIN_MS = 5 * 60 * 1000;

/** The secret does not have the form that this function needs. The error does not quote it. */
class UnusableSecret extends Error {
  name = "UnusableSecret";
}

/** Cognito's answer has no token or no credentials, for example because the user must change the password first. */
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
    /** Credentials that outlive the current request. If new ones are needed, `signal` limits the time to obtain them. */
    async get(signal) {
      const before = kept;
      const current = await before?.catch(() => undefined);
      // While this request waited, another one may have renewed them, or failed to: then nothing is kept.
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

    /** Forgets credentials that were refused, so that the next request obtains new ones, as after a rotation. */
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
