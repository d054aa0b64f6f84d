/** Admits requests with the right header. The answer is for an HTTP API. */
export async function handler(event) {
  return { isAuthorized: event.headers?.["x-partner"] === "open-sesame" };
}
