// Simulates requests against IAM policies with AWS's own list of actions, resources and condition keys. Each line of standard
// input is JSON with policies and needs. Its answer is a line with one entry for each need: whether it is allowed, or why the
// request is invalid.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const { runSimulation, runUnsafeSimulation } = await import(pathToFileURL(process.argv[2]));
const { iamResourceTypeDetails, iamResourceTypesForService } = await import(pathToFileURL(process.argv[3]));

// AWS's list lacks these, or has them in a form that no request has. They are simulated without the list.
const unlisted = (need) => need.action === 'apigateway:TagResource' || need.resource.includes('*');

// The list has API Gateway's resource types, some with two ARNs in one string, but not the methods of each. So every method
// counts for every type. A path may match two types, which have the same condition keys.
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

// In the list, aliases and versions of functions have ARNs of one form and the same condition keys.
const named = ({ action, resource }) =>
  /^lambda:\w+ProvisionedConcurrencyConfig$/.test(action) && /:function:[^:]+:[^:]+$/.test(resource);

// A key's policy must leave its permissions to IAM, as that of a stack's key does. Without it, no other policy allows anything.
const leaves = ({ account, partition }) => ({
  Version: '2012-10-17',
  Statement: [{
    Effect: 'Allow', Principal: { AWS: `arn:${partition}:iam::${account}:root` }, Action: 'kms:*', Resource: '*',
  }],
});

const judge = async (identityPolicies, need) => {
  const simulation = {
    request: {
      principal: `arn:${need.partition}:iam::${need.account}:user/operator`,
      action: need.action,
      resource: { resource: need.resource, accountId: need.account },
      contextVariables: need.context,
    },
    identityPolicies,
    ...(/:kms:.*:key\//.test(need.resource) && { resourcePolicy: leaves(need) }),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  if (need.resource !== '*' && unlisted(need)) {
    return runUnsafeSimulation(simulation, {}) === 'Allowed';
  }
  const answer = await runSimulation(simulation, {});
  if (answer.resultType !== 'error') return answer.overallResult === 'Allowed';
  const { message } = answer.errors;
  const known = (['multiple.resource.types', 'no.resource.types'].includes(message) && listed(need))
    || (message === 'multiple.resource.types' && named(need));
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
