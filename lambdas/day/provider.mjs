/**
 * The name of a user pool as a provider of an identity pool: the user pool's host in its region, and its id. Hosts in
 * China have another suffix than those of all other regions, GovCloud included.
 */
export function userPoolProvider(region, userPoolId) {
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return `cognito-idp.${region}.${suffix}/${userPoolId}`;
}
