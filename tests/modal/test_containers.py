"""The deployed functions in Modal's own container entry point, with the packages of the image and nothing else."""

import requests

from tests.modal.containers import TOKEN, Platform


def test_register_here_log_in_there(platform: Platform) -> None:
    server = platform.start("server")
    registration = platform.start("register_user")
    answer = requests.get(server.url + "health", timeout=10)
    assert answer.status_code == 200, (answer.text, server.log.read_text())
    answer = requests.post(
        registration.url,
        json={"username": "ann", "password": "correct horse"},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
    )
    assert answer.status_code == 201, (answer.text, registration.log.read_text())
    answer = requests.get(server.url + "simple/", auth=("ann", "correct horse"), timeout=10)
    assert answer.status_code == 200, (answer.text, server.log.read_text())
