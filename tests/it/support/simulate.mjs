// Judges requests by IAM policies with AWS's own list of actions, resources and condition keys. Reads lines of JSON, each
// with policies and needs, and answers each with a line: for every need whether it is allowed, or why it makes no sense.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const { runSimulation, runUnsafeSimulation } = await import(pathToFileURL(process.argv[2]));
const { iamResourceTypeDetails, iamResourceTypesForService } = await import(pathToFileURL(process.argv[3]));

// These AWS's list lacks, or has in a form that no request has: they are judged without it.
const unlisted = (need) => need.action === 'apigateway:TagResource' || need.resource.includes('*');

// The list has the things of API Gateway, some with two ARNs in one text, and does not say of all which methods are for
// them. So a method is for whatever the list has; a path may be two things, which take the same keys.
const paths = [];
for (const type of await iamResourceTypesForService('apigateway')) {
  const { arn, conditionKeys } = await iamResourceTypeDetails('apigateway', type);
  for (const form of arn.split(', ')) {
    const literals = form.split(/\$\{\w+\}/).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    paths.push({ form: new RegExp(`^${literals.join('[^/:]+')}$`), keys: conditionKeys ?? [] });
  }
}
const listed = ({ action, resource, context }) => {
  const types = paths.filter(({ form }) => form.test(resource));
  if (!/^apigateway:([A-Z]+|SetWebACL)$/.test(action) || types.length === 0) return false;
  const tagged = types.every(({ keys }) => keys.some((key) => key.startsWith('aws:ResourceTag/')));
  return tagged || !Object.keys(context).some((key) => key.startsWith('aws:ResourceTag/'));
};

const judge = async (identityPolicies, need) => {
  const simulation = {
    request: {
      principal: `arn:${need.partition}:iam::${need.account}:user/operator`,
      action: need.action,
      resource: { resource: need.resource, accountId: need.account },
      contextVariables: need.context,
    },
    identityPolicies,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  if (need.resource !== '*' && unlisted(need)) {
    return runUnsafeSimulation(simulation, {}) === 'Allowed';
  }
  const answer = await runSimulation(simulation, {});
  if (answer.resultType !== 'error') return answer.overallResult === 'Allowed';
  const known = ['multiple.resource.types', 'no.resource.types'].includes(answer.errors.message) && listed(need);
  if (known) return runUnsafeSimulation(simulation, {}) === 'Allowed';
  return `${need.action} on ${need.resource}: ${JSON.stringify(answer.errors)}`;
};

for await (const line of createInterface({ input: process.stdin })) {
  const { policies, needs } = JSON.parse(line);
  const identityPolicies = policies.map((policy, index) => ({ name: `policy-${index}`, policy }));
  const answers = [];
  for (const need of needs) answers.push(await judge(identityPolicies, need));
  console.log(JSON.stringify(answers));
}
