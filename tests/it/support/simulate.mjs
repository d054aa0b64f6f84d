// Judges requests by IAM policies with AWS's own list of actions, resources and condition keys. Reads lines of JSON, each
// with policies and needs, and answers each with a line: for every need whether it is allowed, or why it makes no sense.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const { runSimulation, runUnsafeSimulation } = await import(pathToFileURL(process.argv[2]));

// These AWS's list lacks, or has in a form that no request has: they are judged without it.
const unlisted = (need) => need.action === 'apigateway:TagResource' || need.resource.includes('*');
// A path of API Gateway's may be of two types, which does not matter: both take the same keys.
const harmless = ['multiple.resource.types'];

const judge = async (identityPolicies, need) => {
  const simulation = {
    request: {
      principal: 'arn:aws:iam::123456789012:user/operator',
      action: need.action,
      resource: { resource: need.resource, accountId: need.account },
      contextVariables: need.context,
    },
    identityPolicies,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  const principal = simulation.request.principal.replace('123456789012', need.account).replace('arn:aws:', `arn:${need.partition}:`);
  simulation.request.principal = principal;
  if (need.resource !== '*' && unlisted(need)) {
    return runUnsafeSimulation(simulation, {}) === 'Allowed';
  }
  const answer = await runSimulation(simulation, {});
  if (answer.resultType !== 'error') return answer.overallResult === 'Allowed';
  if (harmless.includes(answer.errors.message)) return runUnsafeSimulation(simulation, {}) === 'Allowed';
  return `${need.action} on ${need.resource}: ${JSON.stringify(answer.errors)}`;
};

for await (const line of createInterface({ input: process.stdin })) {
  const { policies, needs } = JSON.parse(line);
  const identityPolicies = policies.map((policy, index) => ({ name: `policy-${index}`, policy }));
  const answers = [];
  for (const need of needs) answers.push(await judge(identityPolicies, need));
  console.log(JSON.stringify(answers));
}
