/**
 * The name by which an identity pool knows a user pool: the user pool's host in its region, and its id. Hosts in China
 * have another ending than those of all other regions, GovCloud's included.
 */
export function userPoolProvider(region, userPoolId) {
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return `cognito-idp.${region}.${suffix}/${userPoolId}`;
}
