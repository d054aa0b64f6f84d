/** Stands for the authorizer of another stack. It admits the token "stub" and nothing else. */
export async function handler({ headers }) {
  return { isAuthorized: headers?.authorization === "Bearer stub" };
}
