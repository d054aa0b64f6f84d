/**
 * Admits a request whose token names the issuer and the audience and has not expired. A stub: it does not check the
 * signature, so it must not be used as it is.
 */
export async function handler(event) {
  const header = event.headers?.authorization ?? event.headers?.Authorization ?? "";
  return { isAuthorized: isSound(claims(header.replace(/^Bearer /i, ""))) };
}

function isSound({ iss, aud, exp }) {
  return iss === process.env.ISSUER && [aud].flat().includes(process.env.AUDIENCE) && exp * 1000 > Date.now();
}

function claims(token) {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
  } catch {
    return {};
  }
}
