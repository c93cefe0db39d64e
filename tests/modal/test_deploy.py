"""What `modal deploy` sends: the real client, run on the deployment file against an API on loopback."""

from tests.modal.api import LoopbackModal
from tests.modal.conftest import Deploy


def test_the_app_is_deployed_under_its_name(api: LoopbackModal, deploy: Deploy) -> None:
    done = deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout, done.stderr)
    for name, m in api.calls:
        if name in ("FunctionCreate", "ImageGetOrCreate", "AppPublish", "MountGetOrCreate"):
            print(name, str(m)[:3000])
    assert 0
