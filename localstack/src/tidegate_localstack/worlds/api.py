"""A world that is a REST API: a stage whose requests a function's alias answers.

Which alias it is, a variable of the stage says, so that a canary of the stage can name another one.
The function is the one of the world `lambda`, with versions 1 and 2 and the aliases `live` and
`next`, each at one of them.
"""

from __future__ import annotations

from typing import Any

from tidegate_localstack.worlds import function
from tidegate_localstack.worlds.world import World, alarm

STAGE = "prod"
ALIASES = {"live": "1", "next": "2"}


class ApiWorld(World):
    """A REST API with one method, which either alias lets in, and a stage without a canary."""

    def seed(self) -> dict[str, Any]:
        """Create what is missing and describe the world."""
        self._function()
        api = self._api()
        stage = self.aws.apigateway.get_stage(restApiId=api, stageName=STAGE)
        at, space = {"ApiName": self.prefix, "Stage": STAGE}, "AWS/ApiGateway"
        alarms = self.alarms(
            {
                "5xx": alarm(space, "5XXError", "Sum", 3.0, **at),
                "latency": alarm(space, "Latency", "Average", 500.0, **at),
            }
        )
        return {
            "kind": "api",
            "prefix": self.prefix,
            "api": api,
            "stage": STAGE,
            "deployment": stage["deploymentId"],
            "url": f"http://{api}.execute-api.localhost.localstack.cloud/{STAGE}/",
            "function": self.prefix,
            "aliases": ALIASES,
            "alarms": alarms,
        }

    def _function(self) -> None:
        functions = getattr(self.aws, "lambda")
        if function.is_there(functions, self.prefix):
            return
        function.create(functions, self.prefix, function.role(self.aws.iam, self.prefix))
        for alias, version in ALIASES.items():
            function.publish(functions, self.prefix)
            functions.create_alias(FunctionName=self.prefix, Name=alias, FunctionVersion=version)

    def _api(self) -> str:
        """The identifier of the API, whose method is deployed to the stage."""
        gateway = self.aws.apigateway
        for page in gateway.get_paginator("get_rest_apis").paginate():
            for each in page["items"]:
                if each["name"] == self.prefix:
                    return str(each["id"])
        api = gateway.create_rest_api(name=self.prefix)["id"]
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        method = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
        gateway.put_method(**method, authorizationType="NONE")
        functions = getattr(self.aws, "lambda")
        told = functions.get_function_configuration(FunctionName=self.prefix)
        region, arn = gateway.meta.region_name, told["FunctionArn"]
        gateway.put_integration(
            **method,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}:"
            "${stageVariables.alias}/invocations",
        )
        account = arn.split(":")[4]
        for alias in ALIASES:
            functions.add_permission(
                FunctionName=self.prefix,
                Qualifier=alias,
                StatementId="api",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=f"arn:aws:execute-api:{region}:{account}:{api}/*/GET/",
            )
        gateway.create_deployment(restApiId=api, stageName=STAGE, variables={"alias": "live"})
        return str(api)
