import pytest

from bonafide.scoring.service.errors import ServiceError
from bonafide.scoring.service.keys import Keyring, KeysError, read_keys

ONE, TWO = "a" * 16, "b" * 20


def test_keys_come_from_a_file_and_the_environment(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"# keys\n\nshop {ONE} requests_per_minute=30 concurrent=2\n")
    keys = read_keys(str(file), f"gate {TWO};lab {'c' * 16}")
    assert [(key.name, key.requests_per_minute, key.concurrent) for key in keys] == [
        *(("shop", 30.0, 2), ("gate", None, None), ("lab", None, None))
    ]
    assert ONE not in repr(keys)


@pytest.mark.parametrize(
    "line",
    ["shop", f"shop {ONE[:15]}", f"shop {ONE} rate=3", f"shop {ONE} concurrent=0", f"a {ONE} x"],
)
def test_a_wrong_line_is_named_and_not_shown(tmp_path, line):
    file = tmp_path / "tokens"
    file.write_text(f"\n{line}\n")
    with pytest.raises(KeysError, match=r"tokens:2\)") as raised:
        read_keys(str(file), None)
    assert ONE[:15] not in str(raised.value)


def test_a_file_without_keys_and_keys_that_are_there_twice(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("# none\n")
    with pytest.raises(KeysError, match="got none"):
        read_keys(str(file), None)
    with pytest.raises(KeysError, match="cannot be read: No such file"):
        read_keys(str(tmp_path / "none"), None)
    with pytest.raises(KeysError, match="expected each digest once"):
        read_keys(None, f"a {ONE};b {ONE}")
    assert read_keys(None, None) == ()


def test_a_key_has_limits_of_its_own():
    now = 0.0
    ring = Keyring(
        read_keys(None, f"shop {ONE} requests_per_minute=2;gate {TWO} concurrent=1"), lambda: now
    )
    shop, gate = ring.find(f"Bearer {ONE}"), ring.find(f"bearer {TWO}")
    shop.enter()
    shop.enter()
    with pytest.raises(ServiceError, match="2 requests per minute") as raised:
        shop.enter()
    assert raised.value.headers["Retry-After"] == "30"
    gate.enter()
    with pytest.raises(ServiceError, match="1 requests at once"):
        gate.enter()
    gate.leave()
    gate.enter()
    now = 30.0
    shop.enter()
    with pytest.raises(ServiceError, match="per minute"):
        shop.enter()


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer " + "x" * 16, f"Basic {ONE}"])
def test_what_is_no_key_is_refused(given):
    with pytest.raises(ServiceError) as raised:
        Keyring(read_keys(None, f"shop {ONE}")).find(given)
    assert (raised.value.status, raised.value.headers) == (401, {"WWW-Authenticate": "Bearer"})


def test_a_service_with_keys_answers_nobody_else(run_service):
    with run_service(keys=read_keys(None, f"shop {ONE} requests_per_minute=1")) as service:
        for path in ("/v1/model", "/metrics", "/openapi.json", "/none"):
            status, _, found = service.get(path)
            assert (status, found["error"]["code"]) == (401, "unauthorized")
        assert service.request("POST", "/v1/score", b"x")[0] == 401
        assert service.get("/healthz")[0] == service.get("/readyz")[0] == 200
        assert service.get("/v1/model", Authorization=f"Bearer {ONE}")[0] == 200
        assert service.get("/v1/model", Authorization=f"Bearer {ONE}")[0] == 429


def test_names_of_a_service_that_others_reach(run_service):
    with run_service(api_host="0.0.0.0", keys=read_keys(None, f"a {ONE}")) as service:
        good = {"Authorization": f"Bearer {ONE}"}
        assert service.get("/v1/model", Host="detector.example", **good)[0] == 200
        assert service.get("/v1/model", Host="detector.example@evil", **good)[0] == 403
    with run_service(api_host="0.0.0.0", allowed_hosts=("detector.example",)) as service:
        assert service.get("/v1/model", Host="detector.example:443")[0] == 200
        assert service.get("/v1/model", Host="other.example")[0] == 403
        assert service.get("/readyz", Host="10.0.0.7:8766")[0] == 200
