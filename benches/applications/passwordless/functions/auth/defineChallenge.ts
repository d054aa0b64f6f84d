/** The parts of Cognito's event that are used here. */
interface Step {
  request: { userNotFound?: boolean; session: { challengeName: string; challengeResult: boolean }[] };
  response: { challengeName?: string; issueTokens?: boolean; failAuthentication?: boolean };
}

/** Asks for a code. A right answer signs the user in, and the third wrong one ends the attempt. */
export async function handler(event: Step) {
  const { session, userNotFound } = event.request;
  const answered = session.at(-1);
  const issueTokens = !userNotFound && answered?.challengeName === "CUSTOM_CHALLENGE" && answered.challengeResult;
  const failAuthentication = !issueTokens && session.filter((one) => !one.challengeResult).length >= 3;
  event.response = { issueTokens, failAuthentication };
  if (!issueTokens && !failAuthentication) event.response.challengeName = "CUSTOM_CHALLENGE";
  return event;
}
