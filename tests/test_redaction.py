"""Redaction of texts: what is masked, what stays readable, and what it costs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting import _secret_shapes
from hosting._redaction import redact, redact_field
from hosting._secret_shapes import is_secret_setting, mask

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
ACCOUNT_KEY = "aB3/" * 21 + "xy=="
FUNCTION_KEY = "q9Xb2LrT7uVwZk3NfPyA5sDgHj8MnQcE1oRiKtYlUvWxAzFuPm0dJQ=="
PEM_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQDX"

# Each text, and the part of it that must not be shown.
MASKED = [
    (f"DefaultEndpointsProtocol=https;AccountName=me;AccountKey={ACCOUNT_KEY};EndpointSuffix=x", ACCOUNT_KEY),
    ("AccountName=me;AccountKey=hush", "hush"),
    ("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=hush=", "hush"),
    ("BlobEndpoint=https://x;SharedAccessSignature=hush", "hush"),
    ("InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=https://x", "11111111"),
    ("AccountEndpoint=https://x.documents.azure.com:443/;AccountKey=hush==;", "hush"),
    ("Server=x;User Id=me;Password=hush;Encrypt=yes", "hush"),
    ("Server=x;Password=two words, and more;Encrypt=yes", "two words"),
    ("Driver={ODBC Driver 18};UID=me;PWD=hush", "hush"),
    ("Driver=x;UID=me;PWD = hush", "hush"),
    ("HostName=x.azure-devices.net;DeviceId=d;SharedAccessKey=hush", "hush"),
    ("cache.redis.cache.windows.net:6380,password=hush=,ssl=True", "hush"),
    ("host=db user=me password=hush dbname=x", "hush"),
    ("https://x.blob.core.windows.net/c?sv=2024-01-01&sig=hush%2Bhush%3D&se=2030", "hush"),
    ("https://x.blob.core.windows.net/c?sig=hush", "hush"),
    ("SharedAccessSignature sr=x&sig=hush%3D&se=1700000000&skn=root", "hush"),
    ("next=https%3A%2F%2Fx%3Fsv%3D1%26sig%3Dabcdefghijklmnopqrst1234", "abcdefghijkl"),
    (f"GET https://x.azurewebsites.net/api/hello?code={FUNCTION_KEY}", FUNCTION_KEY),
    ("https://x.azurewebsites.net/api/hello?name=a&code=hush", "hush"),
    ("https://login.example.com/callback?code=M.C507_BAY.2.U.hush&state=1", "hush"),
    ("postgresql://me:hush@db:5432/x", "hush"),
    ("redis://:hush@cache:6379/0", "hush"),
    ("amqps://me:hu/sh@broker/vhost", "hu/sh"),
    ("mongodb+srv://me:h@sh@cluster.example.net/x", "h@sh"),
    ("could not clone https://me:hush@git.example.com/a.git: 403", "hush"),
    ("https://0123456789abcdef0123456789abcdef@o1.ingest.example.com/17", "0123456789abcdef"),
    ("Bearer abcdEFGH12345678", "abcdEFGH"),
    ("sent BEARER abcdEFGH12345678 to x", "abcdEFGH"),
    ("Authorization: Bearer hush", "hush"),
    ("{'Authorization': 'Bearer hush'}", "hush"),
    ('{"authorization": "Basic hush"}', "hush"),
    ("(b'authorization', b'Bearer hush')", "hush"),
    ("Proxy-Authorization: Basic aHVzaDpodXNo", "aHVzaDpodXNo"),
    ("Authorization=Bearer hush", "hush"),
    ("[(b'x-functions-key', b'hush')]", "hush"),
    ("Driver={x};PWD={hu;sh};X=1", "sh}"),
    ("<a href='/api/hello?a=b&amp;code=hush12'>", "hush12"),
    ("https://x/?AWSAccessKeyId=me&Signature=abcDEF123&Expires=1", "abcDEF123"),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("got Basic dXNlcjpwYXNzd29yZA== from x", "dXNlcjpwYXNz"),
    ("Authorization: SharedKey me:aGFzaGhhc2g=", "aGFzaGhhc2g"),
    ("signed with SharedKeyLite me:aGFzaGhhc2g=", "aGFzaGhhc2g"),
    ("Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/x, Signature=fe5f80f77d5fa3beca", "fe5f80f7"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855&x=1", "fe5f80f7"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Security-Token=hush", "hush"),
    ("the key AKIAIOSFODNN7EXAMPLE is not valid", "AKIAIOSFODNN7EXAMPLE"),
    ("the key ASIAIOSFODNN7EXAMPLE is not valid", "ASIAIOSFODNN7EXAMPLE"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalr"),
    (f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----", "MIIEvQ"),
    (f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_BODY}\n-----END RSA PRIVATE KEY-----\nnext", "BKcwggSj"),
    (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{PEM_BODY}", "BKcwggSj"),
    (r'{"private": "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n"}', "MIIEvQ"),
    (JWT, "dozjgNry"),
    (f"token {JWT} has expired", "eyJhbGci"),
    (f"https://x/?id_token={JWT}", "dozjgNry"),
    ("{'password': 'hush'}", "hush"),
    ('{"password": "hu\\"sh", "a": 1}', "hu\\"),
    (r'"{\"token\": \"hush\", \"a\": 1}"', "hush"),
    ('{"client_secret": 12345}', "12345"),
    ("connect(host='x', password='hush')", "hush"),
    ('    client = Client(api_key="hush")', "hush"),
    ("API_KEY=hush", "hush"),
    ("my-secret=hush", "hush"),
    ("clientSecret=hush", "hush"),
    ("SAS_TOKEN=hush", "hush"),
    ("SENTRY_DSN=hush", "hush"),
    ("PGPASSWORD=hush psql", "hush"),
    ("dbpassword=hush", "hush"),
    ("x-functions-key: abcd1234", "abcd1234"),
    ("Ocp-Apim-Subscription-Key: 0123456789abcdef", "0123456789abcdef"),
    ("password: hunter2", "hunter2"),
    ("api_key: hush", "hush"),
    ("x-api-key: hush", "hush"),
    ("https://x/?access_token=hush#top", "hush"),
    (f"the account has the key {ACCOUNT_KEY}", ACCOUNT_KEY),
    ("push with ghp_0123456789abcdefghijklmnopqrstuvwxyz failed", "ghp_0123"),
    ("slack: xoxb-012345678901-abcdefghijkl", "xoxb-0123"),
    ("mysql --host db --password hush", "hush"),
    ("az ad sp create --client-secret hush --name x", "hush"),
    ("deploy --api-key hush --port 7071", "hush"),
    ("deploy --token 'hush hush' --x", "hush"),
    ("deploy --password=hush", "hush"),
    ("Command '['deploy', '--password', 'hush']' returned non-zero exit status 1.", "hush"),
    ('["deploy", "--client-secret", "hush"]', "hush"),
    ("--password hush", "hush"),
    ("curl -u me:hush https://x", "hush"),
    ("curl -sS -u 'me:hush' https://x", "hush"),
    ("curl -ume:hush https://x", "hush"),
    ("curl --user me:hush https://x", "hush"),
    ("curl --user=me:hush https://x", "hush"),
    ("curl --proxy-user me:hush https://x", "hush"),
    ("Command '['curl', '-u', 'me:hush', 'https://x']' returned non-zero exit status 22.", "hush"),
    ("sshpass -p hush ssh me@x", "hush"),
    ("docker login -u me -p hush registry", "hush"),
    ("mysqldump -u me -phush db", "hush"),
    ('<add key="ApiKey" value="hush"/>', "hush"),
    ("<add key='Db:Password'   value='hush' />", "hush"),
    ('<setting name="ClientSecret" serializeAs="String" value="hush" />', "hush"),
    ('{"name": "ApiKey", "slotSetting": false, "value": "hush"}', "hush"),
    ("{'name': 'CLIENT_SECRET', 'value': 'hush'}", "hush"),
    ("<password>hush</password>", "hush"),
    ('<wsse:Password Type="#PasswordText">hush</wsse:Password>', "hush"),
    ("<clientSecret><![CDATA[hush]]></clientSecret>", "hush"),
    ("<a>\n  <apiKey>\n    hush\n  </apiKey>\n</a>", "hush"),
    ("java -password hush -x", "hush"),
    ("deploy --pass hush", "hush"),
    ("curl -b 'session=hush' https://x", "hush"),
    ('<entry key="db.password">hush</entry>', "hush"),
    ('<property name="apiKey">hush</property>', "hush"),
    ('<apiKey value="hush"/>', "hush"),
    ("password: hush", "hush"),
    ("- token: hush\n", "hush"),
    ("https://x/?pass=hush", "hush"),
    ("Cookie: theme=dark; sessionid=hush", "hush"),
    ("Set-Cookie: sid=hush; Path=/; HttpOnly", "hush"),
    ("{'cookie': 'JSESSIONID=hush; a=b'}", "hush"),
    ("(b'cookie', b'connect.sid=hush')", "hush"),
    ("cookie: .AspNetCore.Cookies=hush", "hush"),
    ("Cookie: AppServiceAuthSession=hush", "hush"),
    ("Cookie: x=q9Xb2LrT7uVwZk3NfPyA5sDgHj8", "q9Xb2LrT7uVw"),
    ("<RequestsCookieJar[<Cookie PHPSESSID=hush for x/>]>", "hush"),
    ("cookies={'session': 'hush'}", "hush"),
    ("{'authorization': 'hush'}", "hush"),
    ("{'authorization': ['Bearer hush']}", "hush"),
    ("{'x-functions-key': ['hush']}", "hush"),
    ("Headers({'x-api-key': 'hush', 'accept': '*/*'})", "hush"),
    ("db:\n  host: x\n  password: hush\n", "hush"),
    ("password: hush\nuser: me\n", "hush"),
    ("- name: x\n- token: hush\n", "hush"),
    ('[db]\npassword = "hush"\n', "hush"),
    ("[db]\npassword = hush", "hush"),
    ("https://x/?password=hush&a=b", "hush"),
    ("https://x/?a=b&api_key=hush", "hush"),
    ("https://x/?next=https%3A%2F%2Fy%3Faccess_token%3Dhush%26a%3Db", "hush"),
    (r'{"body": "{\"inner\": \"{\\\"password\\\": \\\"hush\\\"}\"}"}', "hush"),
    (r'{\"headers\": {\"authorization\": \"Bearer hush\"}}', "hush"),
    ("openai: sk-proj-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH", "sk-proj-0123"),
]  # fmt: skip

READABLE = [
    "",
    "The order 17 was stored in 3 ms.",
    "commit 1677663f0c2e4b7d9a8f6e5d4c3b2a1908f7e6d5 was deployed",
    "key=1677663f",
    "invocation 3f2504e0-4f89-41d3-9a0c-0305e82c3301 failed",
    "Executing 'Functions.hello' (Reason='This function was called.', Id=3f2504e0-4f89-41d3-9a0c-0305e82c3301)",
    "https://example.com/orders?page=3&sort=asc",
    "https://example.com/error?code=404",
    "https://example.com/error?code=0",
    "exit code=1",
    "error code=ECONNREFUSED, errno=111",
    "HRESULT code=0x80070005",
    "status code: 500",
    "https://example.com:8080/a/b",
    "https://example.com:8080/npm/pkg@1.2.3",
    "https://me@example.com/inbox",
    "write to me@example.com: it is open",
    "git+https://git@github.com/a/b.git@main",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4O==",
    "sha512-" + "aB3/" * 21 + "xy==",
    "key: value",
    "['password', 'user']",
    "The key is missing.",
    "token: expired",
    "password: required",
    "Enter a password, then press Return.",
    "The password is wrong for user=anna.",
    "a secret: nothing happens",
    "password=None",
    "password=***",
    "token = request.headers['x']",
    "def connect(password: str, token: str) -> None:",
    "if password == expected:",
    "def connect(api_key: str, client_secret: Secret[str]) -> None:",
    "api_key: required",
    "sorted(orders, key=len)",
    "PartitionKey=orders, RowKey=17",
    "partition_key=orders",
    "SharedAccessKeyName=RootManageSharedAccessKey",
    "max_tokens=100 total_tokens=4711",
    "monkey=banana keyboard=qwerty tokenizer=bpe compass=north",
    "passenger=Ann disaster=none",
    "pin=1234",
    "Basic authentication is switched off",
    "Bearer authentication: the caller sends a token",
    "Authorization: required by level function",
    "pass=3 fail=2",
    "signature=(a, b)",
    "connection=AzureWebJobsStorage",
    "connection: keep-alive",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "KeyError: 'orders'",
    '  File "/app/function_app.py", line 17, in hello\n    raise ValueError("no")\nValueError: no',
    "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)",
    "2026-11-30T09:37:32.123Z started",
    "eyJ is how a JSON Web Token begins",
    "C:\\Users\\me\\keys: folder not found",
    "jwt.exceptions.InvalidTokenError: Signature verification failed",
    "CredentialUnavailableError: EnvironmentCredential authentication unavailable",
    "TokenService: ready",
    "password: wrong",
    "a first-pass result: fine",
    '<property name="theme">dark</property>',
    '<theme value="dark"/>',
    "func start --port 7071 --verbose",
    "python -u app.py",
    "sort -u names.txt | uniq",
    "sudo -u me:staff ls",
    "docker run --user 1000:1000 -p 8080:80 image",
    "docker run --user www-data:www-data image",
    "curl -u me https://x.example.com:8443/a",
    "curl --user-agent x:y https://x",
    "mkdir -p /var/lib/mysql",
    "ssh -p 2222 me@x",
    "mysql -P 3306 -h db",
    "Use --password to set it.",
    "The option --password is required.",
    "--token and --api-key cannot be used together",
    "  --password TEXT  The password of the user.",
    "usage: deploy [--password PASSWORD] [--token <token>]",
    "--password-file /run/secrets/x",
    "--key-name orders --keyboard qwerty --monkey banana",
    "--secret-path /run/secrets",
    "the password is wrong",
    "Passwords: see the documentation",
    "the session cookie is missing",
    "Cookie: theme=dark; lang=en",
    "cookies: accepted",
    "Set-Cookie: theme=dark; Path=/; SameSite=Lax; Max-Age=3600",
    '<add key="Theme" value="dark"/>',
    '{"name": "theme", "value": "dark"}',
    '{"name": "monkey", "value": "banana"}',
    "<key>orders</key>",
    "<title>Password reset</title>",
    "<keyboard>qwerty</keyboard>",
    "user: me\ncolour: blue\nkeyboard: qwerty\n",
    "Note:\npassword: required\n",
    "https://x/?next=https%3A%2F%2Fy%3Fpage%3D3%26sort%3Dasc",
    "{'keys': ['orders', 'names']}",
    "a - b -- c",
    "-",
    "curl: (7) Failed to connect to x port 80",
]  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), MASKED)
def test_secret_is_masked_in_text(text: str, secret: str) -> None:
    """The secret is replaced by ``***``."""
    shown = redact(text)
    assert secret not in shown
    assert "***" in shown


@pytest.mark.parametrize("text", READABLE)
def test_text_without_secret_stays_as_it_is(text: str) -> None:
    """Hashes, ids, URLs, prose and source code are shown."""
    assert redact(text) == text
    assert mask(text) == text


def test_tables_are_large_enough() -> None:
    """The tables have the promised number of texts."""
    assert len(set(MASKED)) >= 60
    assert len(set(READABLE)) >= 40


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AccountName=me;AccountKey=hu/sh==;X=y", "AccountName=me;AccountKey=***;X=y"),
        ("https://x/c?sv=1&sig=hush&se=2", "https://x/c?sv=1&sig=***&se=2"),
        ("postgresql://me:hush@db/x", "postgresql://me:***@db/x"),
        ("{'password': 'hush', 'a': 1}", "{'password': '***', 'a': 1}"),
        ("Authorization: Bearer hush\nAccept: x", "Authorization: Bearer ***\nAccept: x"),
        (
            "-----BEGIN PRIVATE KEY-----\nab\n-----END PRIVATE KEY-----\nx",
            "-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----\nx",
        ),
    ],
)
def test_text_around_a_secret_is_kept(text: str, shown: str) -> None:
    """Only the secret itself is replaced."""
    assert redact(text) == shown


@pytest.mark.parametrize(
    "name",
    ["ApiKey", "APIKey", "API_KEY", "apikey", "my-secret", "clientSecret", "SAS_TOKEN", "sasUrl", "SENTRY_DSN",
     "db_pwd", "Password", "PGPASSWORD", "accessTokens", "api.key", "AzureWebJobsStorage__clientSecret",
     "connectionString"],
)  # fmt: skip
def test_name_with_the_word_of_a_secret_is_one_of_a_secret(name: str) -> None:
    """Words end at separators and at capital letters."""
    assert is_secret_setting(name, "hush")


@pytest.mark.parametrize(
    "name",
    ["monkey", "keyboard", "tokenizer", "compass", "passenger", "turkey", "secretary", "bypass", "pin", "signal",
     "SharedAccessKeyName", "author", "", "1", "sassy"],
)  # fmt: skip
def test_name_that_only_contains_the_letters_is_not_one_of_a_secret(name: str) -> None:
    """A part of a word does not count."""
    assert not is_secret_setting(name, "shown")


def test_number_of_tokens_is_a_count() -> None:
    """A number under a plural is shown, a list under it is not."""
    assert not is_secret_setting("max_tokens", 100)
    assert is_secret_setting("api_tokens", ["hush"])


PIECES = st.sampled_from(
    [*(text for text, _ in MASKED), "password", "=", ":", ";", '"', "'", "\\", " ", "\n", "@", "://", "a:b", "***", "&",
     "?", "sig", "code", "eyJ", "-----BEGIN PRIVATE KEY-----", "-----END ", "Bearer ", "Basic ", "None",
     "Authorization"]
)  # fmt: skip
TEXTS = st.text(max_size=80) | st.lists(PIECES, max_size=8).map("".join)


@given(TEXTS)
def test_redacting_twice_changes_nothing(text: str) -> None:
    """What is masked is not masked again."""
    shown = redact(text)
    assert redact(shown) == shown


@given(TEXTS)
def test_text_without_a_mark_has_no_secret(text: str) -> None:
    """The cheap look at a text never hides a secret from the patterns."""
    assert redact(text) == mask(text)


PATTERNS = {name: value for name, value in vars(_secret_shapes).items() if isinstance(value, re.Pattern)}
# A repetition without bound is possessive: it never gives back what it has taken.
UNBOUNDED = re.compile(r"(?<!\\)(?:\\\\)*(?:[*+]|\{\d*,\})(?!\+)")


def _without_sets(pattern: str) -> str:
    """Return a pattern with each set of characters as one letter, and each escaped character as another."""
    return re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "x", re.sub(r"\\[^dswb]", "y", pattern))


@pytest.mark.parametrize("name", sorted(set(PATTERNS) - {"_SECRET_WORD", "_WORD", "_NO_SECRET"}))
def test_pattern_over_a_text_never_tries_again_without_bound(name: str) -> None:
    """A pattern's repetitions are bounded or possessive, so that the time grows with the length of the text."""
    pattern = re.sub(r"[*+?}]\+", "", _without_sets(PATTERNS[name].pattern))
    assert not UNBOUNDED.search(pattern)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["a", "=", ":", "a=", "://", "://a:", "password", "password=", "password='", "-----BEGIN PRIVATE KEY-----", "eyJ",
     "eyJaaaaaaaa.", "bearer ", "basic a", "authorization: ", "sharedkey a", "\\", "\"'", "%3d", "sig%3d", "a;", "==",
     "aB3/", "sk-", "A", "a.", "os.environ", "secret_", "pwd",
     "('password', ", ";pwd={", "&code="],
)  # fmt: skip
def test_long_text_is_redacted(piece: str) -> None:
    """A text of 200 kB that repeats the beginning of a pattern is redacted, in time that grows with its length."""
    text = piece * (200_000 // len(piece)) + "!"
    assert isinstance(mask(f"x {text}"), str)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("password", "hush", "***"),
        ("client_secret", 12345, "***"),
        ("url", "postgresql://me:hush@db/x", "postgresql://me:***@db/x"),
        ("key", "orders", "orders"),
        ("total_tokens", 17, 17),
        ("has_token", True, True),
        ("monkey", "banana", "banana"),
    ],
)
def test_field_is_masked_by_its_name_or_its_shape(name: str, value: object, shown: object) -> None:
    """The name of a secret masks the whole value."""
    assert redact_field(name, value) == shown
