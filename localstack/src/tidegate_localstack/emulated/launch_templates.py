"""New launch template versions, as AWS makes them.

moto ignores SourceVersion, so that a version that changes only its user data has no image, and
keeps that user data in a form which it then refuses to launch from.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data


def repair() -> None:
    """Make CreateLaunchTemplateVersion inherit from its source and parse its user data."""
    original = LaunchTemplates.create_launch_template_version

    def create_launch_template_version(self: LaunchTemplates) -> Any:
        result: Any = original(self)
        identifier = result.result["LaunchTemplateVersion"]["LaunchTemplateId"]
        template = self.ec2_backend.get_launch_template(identifier)
        # The result refers to this very dictionary.
        data = template.latest_version().data
        if isinstance(data.get("UserData"), str):
            data["UserData"] = parse_user_data(data["UserData"])
        source = self._get_param("SourceVersion")
        if source:
            for key, value in template.get_version(source).data.items():
                data.setdefault(key, value)
        return result

    setattr(  # noqa: B010
        LaunchTemplates, "create_launch_template_version", create_launch_template_version
    )
