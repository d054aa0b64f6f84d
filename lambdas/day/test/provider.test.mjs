import assert from "node:assert/strict";
import { test } from "node:test";

import { userPoolProvider } from "../provider.mjs";

test("a user pool is named by the host that its region has", () => {
  for (const [region, host] of [
    ["eu-central-1", "cognito-idp.eu-central-1.amazonaws.com"],
    ["us-gov-west-1", "cognito-idp.us-gov-west-1.amazonaws.com"],
    ["us-gov-east-1", "cognito-idp.us-gov-east-1.amazonaws.com"],
    ["cn-north-1", "cognito-idp.cn-north-1.amazonaws.com.cn"],
  ]) {
    assert.equal(userPoolProvider(region, `${region}_Ab1`), `${host}/${region}_Ab1`);
  }
});
