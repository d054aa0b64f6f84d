"""Describes accounts of an emulator. Each line of standard input is a request, each line of standard output its answer.

A request is {"do": "describe" | "purge" | "create_foreign_resources", "account": "..."}. `describe` answers with all
resources of the kinds that a stack contains, with their settings, including resources of others. Times and random
values are removed, and an id is replaced by the name of its resource, so that two accounts can be compared as text.
`purge` deletes all secrets without a recovery window, and removes alias and tags from keys that are pending deletion,
as if the keys were deleted. `create_foreign_resources` creates resources of others, with names like ours.
"""

import json
import re
import sys

import botocore.session
from botocore.config import Config

ENDPOINT, REGION = sys.argv[1], sys.argv[2]
# Fields that do not depend on what the program requested: times, random ids that nothing refers to, and counters.
NOISE = {
    "ResponseMetadata", "CreateDate", "CreatedDate", "CreationDate", "createdDate", "creationTime", "lastUpdatedDate",
    "LastModified", "LastModifiedDate", "LastModificationDate", "LastChangedDate", "LastAccessedDate", "LastUpdateDate",
    "RevisionId", "RoleId", "RoleLastUsed", "LockToken", "VersionId", "storedBytes", "EstimatedNumberOfUsers", "UserCreateDate",
    "UserLastModifiedDate", "Location", "LastUpdateStatusReason",
    "nextToken", "NextToken", "NextMarker", "IsTruncated", "Marker",
}
EMPTY = ("NoSuchEntity", "ResourceNotFoundException", "NotFoundException", "WAFNonexistentItemException", "InvalidAction")

session = botocore.session.get_session()
clients = {}


class Account:
    """One account, with readable names for its ids."""

    def __init__(self, account):
        self.account = account
        self.stands_for = {account: "<account>"}

    def call(self, service, operation, **arguments):
        key = (self.account, service)
        if key not in clients:
            clients[key] = session.create_client(
                service, region_name=REGION, endpoint_url=ENDPOINT, aws_access_key_id=self.account,
                aws_secret_access_key="test", config=Config(retries={"mode": "standard", "total_max_attempts": 3}, parameter_validation=False))
        return getattr(clients[key], operation)(**arguments)

    def maybe(self, service, operation, **arguments):
        """`None` if the resource does not exist."""
        try:
            return self.call(service, operation, **arguments)
        except Exception as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if code in EMPTY:
                return None
            raise

    def named(self, real, *name):
        """Replaces this id by a readable name in the description."""
        self.stands_for[real] = "<" + " ".join(name) + ">"
        return real

    def describe(self):
        found = {}
        for part in (self.keys, self.alarms, self.topics, self.queues, self.tables, self.secrets, self.log_groups, self.roles, self.functions, self.schedules, self.firewall, self.pools,
                     self.identity_pools, self.apis, self.domains, self.others):
            for name, settings in part():
                # Two resources of one name get two entries.
                while name in found:
                    name += " (another)"
                found[name] = settings
        text = json.dumps(found, default=str)
        known = sorted(self.stands_for, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, known)), lambda match: self.stands_for[match.group()], text)
        # The endpoint of the emulator or of a proxy.
        text = re.sub(r"http://127\.0\.0\.1:\d+", "<endpoint>", text)
        # Sort the lists after the ids are replaced, so that their order does not depend on ids.
        return clean(json.loads(text))

    def topics(self):
        for topic in self.call("sns", "list_topics")["Topics"]:
            arn = topic["TopicArn"]
            attributes = self.call("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
            yield "topic " + arn, {"attributes": attributes, "tags": tags(self.call("sns", "list_tags_for_resource", ResourceArn=arn)["Tags"])}
        for one in self.call("sns", "list_subscriptions")["Subscriptions"]:
            self.named(one["SubscriptionArn"], "subscription", one["Endpoint"].rsplit(":")[-1])
            yield "subscription " + one["Endpoint"] + " to " + one["TopicArn"], one

    def keys(self):
        """The keys that are not pending deletion."""
        aliases = {one["TargetKeyId"]: one["AliasName"] for one in self.call("kms", "list_aliases")["Aliases"]
                   if "TargetKeyId" in one}
        for key in self.call("kms", "list_keys")["Keys"]:
            name = {"KeyId": key["KeyId"]}
            about = self.call("kms", "describe_key", **name)["KeyMetadata"]
            if about["KeyState"] == "PendingDeletion":
                continue
            alias = aliases.get(key["KeyId"], "without an alias")
            self.named(key["KeyId"], "key", alias)
            about.pop("CurrentKeyMaterialId", None)
            yield "key " + alias, {
                "about": about,
                "policy": json.loads(self.call("kms", "get_key_policy", PolicyName="default", **name)["Policy"]),
                "rotation": self.call("kms", "get_key_rotation_status", **name),
                "grants": sorted(one["GranteePrincipal"] for one in self.call("kms", "list_grants", **name)["Grants"]),
                "tags": {one["TagKey"]: one["TagValue"] for one in self.call("kms", "list_resource_tags", **name)["Tags"]}}

    def alarms(self):
        for alarm in self.call("cloudwatch", "describe_alarms")["MetricAlarms"]:
            # Omit the time of the last change and the state of the alarm.
            settings = {name: value for name, value in alarm.items() if not name.startswith("State")}
            settings.pop("AlarmConfigurationUpdatedTimestamp", None)
            found = self.call("cloudwatch", "list_tags_for_resource", ResourceARN=alarm["AlarmArn"])["Tags"]
            yield "alarm " + alarm["AlarmName"], {"about": settings, "tags": tags(found)}

    def tables(self):
        for name in self.call("dynamodb", "list_tables")["TableNames"]:
            key = {"TableName": name}
            about = self.call("dynamodb", "describe_table", **key)["Table"]
            for noise in ("CreationDateTime", "TableId", "LatestStreamLabel", "ItemCount", "TableSizeBytes"):
                about.pop(noise, None)
            for index in about.get("GlobalSecondaryIndexes", []):
                index.pop("ItemCount", None)
                index.pop("IndexSizeBytes", None)
            if about.get("LatestStreamArn"):
                self.named(about["LatestStreamArn"], "stream", name)
            ttl = self.call("dynamodb", "describe_time_to_live", **key)["TimeToLiveDescription"]
            backups = self.call("dynamodb", "describe_continuous_backups", **key)["ContinuousBackupsDescription"]
            point = backups.get("PointInTimeRecoveryDescription", {})
            found = self.call("dynamodb", "list_tags_of_resource", ResourceArn=about["TableArn"]).get("Tags", [])
            yield "table " + name, {"about": about, "ttl": ttl, "recovery": point.get("PointInTimeRecoveryStatus"), "tags": tags(found)}

    def queues(self):
        for url in self.call("sqs", "list_queues").get("QueueUrls", []):
            attributes = self.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
            for name in ("CreatedTimestamp", "LastModifiedTimestamp"):
                attributes.pop(name, None)
            found = self.call("sqs", "list_queue_tags", QueueUrl=url).get("Tags", {})
            yield "queue " + url.rsplit("/")[-1], {"attributes": attributes, "tags": found}

    def secrets(self):
        for secret in self.call("secretsmanager", "list_secrets")["SecretList"]:
            if "DeletedDate" in secret:
                continue
            self.named(secret["ARN"][-7:], "suffix")
            about = self.call("secretsmanager", "describe_secret", SecretId=secret["ARN"])
            # Omit earlier versions, which only show how often the secret was written.
            about["VersionIdsToStages"] = sorted(stage for stages in about.get("VersionIdsToStages", {}).values()
                                                 for stage in stages if stage != "AWSPREVIOUS")
            value = self.call("secretsmanager", "get_secret_value", SecretId=secret["ARN"])
            about["Tags"] = tags(about.get("Tags", []))
            # MiniStack keeps this date after the secret was restored.
            about.pop("DeletedDate", None)
            yield "secret " + secret["Name"], {"about": about, "value": self.signs_in(value["SecretString"])}

    def signs_in(self, text):
        """Replaces a generated password by the name of the pool that it opens."""
        value = json.loads(text)
        if "password" not in value:
            return text
        value["password"] = "opens nothing"
        flow = {"AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
                "AuthParameters": {"USERNAME": value["username"], "PASSWORD": json.loads(text)["password"]}}
        for pool in self.call("cognito-idp", "list_user_pools", MaxResults=60)["UserPools"]:
            key = {"UserPoolId": pool["Id"]}
            for client in self.call("cognito-idp", "list_user_pool_clients", MaxResults=60, **key)["UserPoolClients"]:
                try:
                    self.call("cognito-idp", "admin_initiate_auth", ClientId=client["ClientId"], **key, **flow)
                    value["password"] = "opens " + pool["Name"]
                except Exception as error:
                    if not hasattr(error, "response"):
                        raise
        return value

    def log_groups(self):
        for group in self.call("logs", "describe_log_groups")["logGroups"]:
            arn = group["arn"].removesuffix(":*")
            yield "log group " + group["logGroupName"], {
                "about": group, "tags": self.call("logs", "list_tags_for_resource", resourceArn=arn)["tags"]}

    def roles(self):
        for role in self.call("iam", "list_roles")["Roles"]:
            name = {"RoleName": role["RoleName"]}
            inline = {policy: self.call("iam", "get_role_policy", PolicyName=policy, **name)["PolicyDocument"]
                      for policy in self.call("iam", "list_role_policies", **name)["PolicyNames"]}
            yield "role " + role["Path"] + role["RoleName"], {
                "about": self.call("iam", "get_role", **name)["Role"], "inline": inline,
                "attached": self.call("iam", "list_attached_role_policies", **name)["AttachedPolicies"]}
        for user in self.call("iam", "list_users")["Users"]:
            yield "user " + user["Path"] + user["UserName"], user
        for policy in self.call("iam", "list_policies", Scope="Local")["Policies"]:
            yield "policy " + policy["Arn"], policy

    def aliases(self, function):
        """The aliases of a function, with the code of their versions instead of the version numbers, which grow."""
        aliases = {}
        for name in [alias["Name"] for alias in self.call("lambda", "list_aliases", **function)["Aliases"]]:
            alias = self.call("lambda", "get_alias", Name=name, **function)
            version = self.call("lambda", "get_function", Qualifier=name, **function)["Configuration"]
            ready = self.maybe("lambda", "get_provisioned_concurrency_config", Qualifier=name, **function) or {}
            aliases[name] = {"code": version["CodeSha256"], "weights": alias.get("RoutingConfig"),
                             "ready": ready.get("RequestedProvisionedConcurrentExecutions")}
        return aliases

    def functions(self):
        for function in self.call("lambda", "list_functions")["Functions"]:
            name = {"FunctionName": function["FunctionName"]}
            policy = self.maybe("lambda", "get_policy", **name)
            yield "function " + function["FunctionName"], {
                "about": self.call("lambda", "get_function", **name),
                "policy": policy and json.loads(policy["Policy"]), "aliases": self.aliases(name)}
        for mapping in self.call("lambda", "list_event_source_mappings")["EventSourceMappings"]:
            function, arn = mapping["FunctionArn"].split(":")[6], mapping["EventSourceMappingArn"]
            self.named(mapping["UUID"], "mapping of", function)
            mapping.pop("LastProcessingResult", None)
            yield "event source " + mapping["EventSourceArn"] + " of " + function, {
                "about": mapping, "tags": self.call("lambda", "list_tags", Resource=arn)["Tags"]}

    def schedules(self):
        for group in self.call("scheduler", "list_schedule_groups")["ScheduleGroups"]:
            name = group["Name"]
            if name == "default":
                continue
            schedules = self.call("scheduler", "list_schedules", GroupName=name)["Schedules"]
            yield "schedule group " + name, {
                "about": self.call("scheduler", "get_schedule_group", Name=name),
                "schedules": [self.call("scheduler", "get_schedule", GroupName=name, Name=one["Name"]) for one in schedules],
                "tags": tags(self.call("scheduler", "list_tags_for_resource", ResourceArn=group["Arn"])["Tags"])}

    def firewall(self):
        scope = {"Scope": "REGIONAL"}
        for kind, lists, items, get, item in (
                ("IP set", "list_ip_sets", "IPSets", "get_ip_set", "IPSet"),
                ("web ACL", "list_web_acls", "WebACLs", "get_web_acl", "WebACL")):
            for one in self.call("wafv2", lists, **scope)[items]:
                self.named(one["Id"], kind, one["Name"])
                about = self.call("wafv2", get, Name=one["Name"], Id=one["Id"], **scope)[item]
                # The emulator does not know this call.
                log = kind == "web ACL" and self.maybe("wafv2", "get_logging_configuration", ResourceArn=one["ARN"])
                if log:
                    about["log"] = log["LoggingConfiguration"]
                yield kind + " " + one["Name"], {
                    "about": about, "tags": tags(self.call("wafv2", "list_tags_for_resource", ResourceARN=one["ARN"])["TagInfoForResource"]["TagList"])}

    def pools(self):
        for pool in self.call("cognito-idp", "list_user_pools", MaxResults=60)["UserPools"]:
            key = {"UserPoolId": pool["Id"]}
            about = self.call("cognito-idp", "describe_user_pool", **key)["UserPool"]
            pool["Name"] += whose(about.get("UserPoolTags", {}))
            self.named(pool["Id"], "pool", pool["Name"])
            acl = self.maybe("wafv2", "get_web_acl_for_resource", ResourceArn=about["Arn"])
            if acl:
                about["firewall"] = acl.get("WebACL", {}).get("ARN")
            # The emulator cannot remove a device configuration. One without values means the same as none.
            if not any(about.get("DeviceConfiguration", {}).values()):
                about.pop("DeviceConfiguration", None)
            described = about
            yield "pool " + pool["Name"], about
            for client in self.call("cognito-idp", "list_user_pool_clients", MaxResults=60, **key)["UserPoolClients"]:
                self.named(client["ClientId"], "client", pool["Name"], client["ClientName"])
                about = self.call("cognito-idp", "describe_user_pool_client", ClientId=client["ClientId"], **key)
                if about["UserPoolClient"].get("ClientSecret"):
                    self.named(about["UserPoolClient"]["ClientSecret"], "secret of", pool["Name"], client["ClientName"])
                yield "client " + pool["Name"] + " " + client["ClientName"], about["UserPoolClient"]
            for provider in self.call("cognito-idp", "list_identity_providers", MaxResults=60, **key)["Providers"]:
                name = provider["ProviderName"]
                about = self.call("cognito-idp", "describe_identity_provider", ProviderName=name, **key)
                if about["IdentityProvider"]["ProviderDetails"].get("client_secret"):
                    self.named(about["IdentityProvider"]["ProviderDetails"]["client_secret"], "secret of", pool["Name"], name)
                yield "identity provider " + pool["Name"] + " " + name, about["IdentityProvider"]
            for server in self.call("cognito-idp", "list_resource_servers", MaxResults=50, **key)["ResourceServers"]:
                about = self.call("cognito-idp", "describe_resource_server", Identifier=server["Identifier"], **key)
                yield "resource server " + pool["Name"] + " " + server["Identifier"], about["ResourceServer"]
            if described.get("Domain"):
                about = self.call("cognito-idp", "describe_user_pool_domain", Domain=described["Domain"])
                yield "domain " + pool["Name"] + " " + described["Domain"], about["DomainDescription"]
            for group in self.call("cognito-idp", "list_groups", **key)["Groups"]:
                about = self.call("cognito-idp", "get_group", GroupName=group["GroupName"], **key)["Group"]
                members = self.call("cognito-idp", "list_users_in_group", GroupName=group["GroupName"], **key)["Users"]
                yield "group " + pool["Name"] + " " + group["GroupName"], {
                    "about": about, "members": sorted(member["Username"] for member in members)}
            for user in self.call("cognito-idp", "list_users", **key)["Users"]:
                for attribute in user["Attributes"]:
                    # The random version of a secret, and Cognito's id of the user.
                    if attribute["Name"] in ("nickname", "sub"):
                        self.named(attribute["Value"], attribute["Name"])
                yield "pool user " + pool["Name"] + " " + user["Username"], user

    def identity_pools(self):
        for pool in self.call("cognito-identity", "list_identity_pools", MaxResults=60)["IdentityPools"]:
            key = {"IdentityPoolId": pool["IdentityPoolId"]}
            about = self.call("cognito-identity", "describe_identity_pool", **key)
            called = "identity pool " + pool["IdentityPoolName"] + whose(about.get("IdentityPoolTags", {}))
            self.named(pool["IdentityPoolId"], called)
            yield called, {"about": about, "roles": self.call("cognito-identity", "get_identity_pool_roles", **key)}

    def apis(self):
        for api in self.call("apigateway", "get_rest_apis", limit=500).get("items", []):
            key = {"restApiId": api["id"]}
            called = "api " + api["name"] + whose(api.get("tags", {}))
            self.named(api["id"], called)
            yield called, self.call("apigateway", "get_rest_api", **key)
            listed = lambda operation: self.call("apigateway", operation, **key).get("items", [])
            for one in listed("get_gateway_responses"):
                if not one["defaultResponse"]:
                    yield called + " response " + one["responseType"], one
            for one in listed("get_authorizers"):
                self.named(one["id"], "authorizer", one["name"])
                yield called + " authorizer " + one["name"], one
            for one in listed("get_request_validators"):
                self.named(one["id"], "validator", one["name"])
                yield called + " validator " + one["name"], one
            for one in listed("get_models"):
                self.named(one["id"], "model", one["name"])
                yield called + " model " + one["name"], one
            for one in listed("get_resources"):
                self.named(one["id"], "path", one["path"])
                one["resourceMethods"] = {
                    method: self.call("apigateway", "get_method", resourceId=one["id"], httpMethod=method, **key)
                    for method in one.get("resourceMethods", {})}
                for method in one["resourceMethods"].values():
                    # A method that changes to NONE or AWS_IAM keeps the id of its authorizer, which is no longer used.
                    if method["authorizationType"] in ("NONE", "AWS_IAM"):
                        method.pop("authorizerId", None)
                yield called + " path " + one["path"], one
            for one in listed("get_deployments"):
                # The description ends in a hash of the deployed settings, which include ids of pools.
                self.named(one["description"].rsplit(" ")[-1], "hash")
                self.named(one["id"], "deployment")
                yield called + " deployment", one
            for one in self.call("apigateway", "get_stages", **key).get("item", []):
                arn = "arn:aws:apigateway:" + REGION + "::/restapis/" + api["id"] + "/stages/" + one["stageName"]
                acl = self.maybe("wafv2", "get_web_acl_for_resource", ResourceArn=arn)
                yield called + " stage " + one["stageName"], {
                    "about": one, "firewall": acl and acl.get("WebACL", {}).get("ARN")}
        for api in self.call("apigatewayv2", "get_apis", MaxResults="500").get("Items", []):
            key = {"ApiId": api["ApiId"]}
            called = "http api " + api["Name"] + whose(api.get("Tags", {}))
            self.named(api["ApiId"], called)
            yield called, api
            listed = lambda operation: self.call("apigatewayv2", operation, **key).get("Items", [])
            for one in listed("get_authorizers"):
                self.named(one["AuthorizerId"], "authorizer", one["Name"])
                yield called + " authorizer " + one["Name"], one
            for one in listed("get_integrations"):
                self.named(one["IntegrationId"], "integration", one["IntegrationUri"].rsplit(":")[-1])
                yield called + " integration " + one["IntegrationUri"].rsplit(":")[-1], one
            for one in listed("get_routes"):
                self.named(one["RouteId"], "route", one["RouteKey"])
                yield called + " route " + one["RouteKey"], one
            for one in listed("get_stages"):
                # The list does not show the limits of single routes on every endpoint.
                one = self.call("apigatewayv2", "get_stage", StageName=one["StageName"], **key)
                one.pop("ResponseMetadata", None)
                # AWS changes these with every deployment.
                one.pop("DeploymentId", None)
                one.pop("LastUpdatedDate", None)
                one.pop("LastDeploymentStatusMessage", None)
                yield called + " stage " + one["StageName"], one
        role = self.call("apigateway", "get_account").get("cloudwatchRoleArn")
        if role:
            yield "log role", {"cloudwatchRoleArn": role}
        for one in self.call("apigateway", "get_api_keys", limit=500).get("items", []):
            about = self.call("apigateway", "get_api_key", apiKey=one["id"])
            called = "api key " + about.get("name", "?") + whose(about.get("tags", {}))
            self.named(one["id"], called)
            about.pop("value", None)
            plans = self.call("apigateway", "get_usage_plans", keyId=one["id"], limit=500).get("items", [])
            yield called, {"about": about, "plans": sorted(plan["id"] for plan in plans)}
        for one in self.call("apigateway", "get_usage_plans", limit=500).get("items", []):
            about = self.call("apigateway", "get_usage_plan", usagePlanId=one["id"])
            called = "usage plan " + about.get("name", "?") + whose(about.get("tags", {}))
            self.named(one["id"], called)
            keys = self.call("apigateway", "get_usage_plan_keys", usagePlanId=one["id"], limit=500).get("items", [])
            yield called, {"about": about, "keys": sorted(key["id"] for key in keys)}

    def domains(self):
        for one in self.call("acm", "list_certificates")["CertificateSummaryList"]:
            self.named(one["CertificateArn"], "certificate", one["DomainName"])
        for domain in self.call("apigatewayv2", "get_domain_names", MaxResults="500").get("Items", []):
            name = domain["DomainName"]
            called = "domain " + name + whose(domain.get("Tags", {}))
            for one in domain["DomainNameConfigurations"]:
                self.named(one["ApiGatewayDomainName"], "target", name)
            yield called, domain
            for one in self.call("apigatewayv2", "get_api_mappings", DomainName=name).get("Items", []):
                self.named(one["ApiMappingId"], "mapping", name)
                yield called + " mapping /" + one.get("ApiMappingKey", ""), one
        for zone in self.call("route53", "list_hosted_zones")["HostedZones"]:
            self.named(zone["Id"].split("/")[-1], "zone", zone["Name"])
            for one in self.call("route53", "list_resource_record_sets", HostedZoneId=zone["Id"])["ResourceRecordSets"]:
                if one["Type"] in ("A", "AAAA", "CNAME", "HTTPS"):
                    yield "dns record " + one["Name"] + " " + one["Type"], one

    def others(self):
        """All resources with our tag, of any service."""
        answer = self.call("resourcegroupstaggingapi", "get_resources", TagFilters=[{"Key": "securelambda:stack"}])
        for one in sorted(answer["ResourceTagMappingList"], key=lambda one: one["ResourceARN"]):
            # A secret in its recovery window and a key that is pending deletion keep their tags. `keys` describes the
            # other keys.
            if not any(service in one["ResourceARN"] for service in (":secretsmanager:", ":kms:")):
                yield "tagged " + one["ResourceARN"], tags(one["Tags"])

    def purge(self):
        listed = self.call("secretsmanager", "list_secrets", IncludePlannedDeletion=True)["SecretList"]
        for secret in listed:
            self.call("secretsmanager", "delete_secret", SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
        for key in self.call("kms", "list_keys")["Keys"]:
            name = {"KeyId": key["KeyId"]}
            if self.call("kms", "describe_key", **name)["KeyMetadata"]["KeyState"] == "PendingDeletion":
                for alias in self.call("kms", "list_aliases", **name)["Aliases"]:
                    self.call("kms", "delete_alias", AliasName=alias["AliasName"])
                found = [tag["TagKey"] for tag in self.call("kms", "list_resource_tags", **name)["Tags"]]
                self.call("kms", "untag_resource", TagKeys=found, **name)
        return [secret["Name"] for secret in listed]

    def create_foreign_resources(self):
        """Resources without tags and of another stack: with our names where names need not be unique, else with similar ones."""
        other = {"securelambda:stack": "securelambda-2"}
        for marks in ({}, other):
            self.call("cognito-idp", "create_user_pool", PoolName="securelambda-MyUserPool1", UserPoolTags=marks)
            self.call("cognito-identity", "create_identity_pool", IdentityPoolName="api-to-api-CallersPool",
                      AllowUnauthenticatedIdentities=False, IdentityPoolTags=marks)
            self.call("apigatewayv2", "create_api", Name="http-jwt-api", ProtocolType="HTTP", Tags=marks)
            self.call("apigateway", "create_rest_api", name="securelambda-api", tags=marks)
            listed = [{"TagKey": key, "TagValue": value} for key, value in marks.items()]
            self.call("kms", "create_key", Tags=listed)
        listed = [{"Key": key, "Value": value} for key, value in other.items()]
        self.call("dynamodb", "create_table", TableName="securelambda-2-notes", Tags=listed, BillingMode="PAY_PER_REQUEST",
                  KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}],
                  AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}])
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        self.call("iam", "create_role", RoleName="securelambda-2-InternalLambda", Path="/securelambda/securelambda-2/",
                  AssumeRolePolicyDocument=json.dumps(trust), Tags=listed)
        self.call("sns", "create_topic", Name="securelambda-2-greetings", Tags=listed)
        self.call("logs", "create_log_group", logGroupName="/aws/lambda/securelambda-InternalLambda-2", tags=other)
        self.call("wafv2", "create_ip_set", Name="securelambda-addresses-v4-2", Scope="REGIONAL",
                  IPAddressVersion="IPV4", Addresses=[], Tags=listed)


def whose(marks):
    """An empty string for our stack, else the owner."""
    stack = marks.get("securelambda:stack", "nobody")
    return "" if stack == "securelambda" else " of " + stack


def tags(listed):
    return {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in listed}


LINEAGE = "securelambda:lineage"


def clean(value):
    """Without what differs between equal accounts. Every stack has a lineage of its own, so only its presence counts."""
    if isinstance(value, dict):
        if LINEAGE in (value.get("Key"), value.get("key"), value.get("TagKey")):
            return {"tag": LINEAGE}
        cleaned = {key: clean(inner) for key, inner in value.items() if key not in NOISE}
        return {**cleaned, LINEAGE: "any"} if LINEAGE in cleaned else cleaned
    if isinstance(value, list):
        return sorted((clean(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True, default=str))
    return value


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": getattr(Account(request["account"]), request["do"])()}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
