"""What `./dev up` prints for a portal builder: commands that work as they stand, copied into a shell."""

from __future__ import annotations

import json
from pathlib import Path

from devtools.running import Running
from devtools.samples import sample
from devtools.toolchain import ROOT

_TEMPLATE = """
--- a submission by curl, step by step ------------------------------------------------
cd {folder}
INTAKE={intake_url}
read_json() {{ python3 -c "import json,sys; print(json.load(sys.stdin)['$1'])"; }}

# 1. an access token (OAuth 2.0 client credentials)
TOKEN=$(curl -sf -u "{client_id}:$(cat client-secret)" -d grant_type=client_credentials \\
  $INTAKE/oauth/token | read_json access_token)
AUTH="Authorization: Bearer $TOKEN"

# 2. who is responsible for 49124?
curl -sf -H "$AUTH" "$INTAKE/v1/jobcenters?postcode=49124"

# 3. open a submission
ID=$(curl -sf -H "$AUTH" -H 'Content-Type: application/json' -H "Idempotency-Key: $(date +%s%N)" \\
  -d '{{"service": "sgb2-hauptantrag", "postcode": "49124"}}' $INTAKE/v1/submissions | read_json submission_id)

# 4. upload a document
DOC=$(curl -sf -H "$AUTH" -H 'Content-Type: application/pdf' \\
  -H 'Content-Disposition: attachment; filename="Mietvertrag.pdf"' \\
  --data-binary @Mietvertrag.pdf "$INTAKE/v1/submissions/$ID/documents?purpose=attachment" | read_json id)

# 5. complete it: the application (its evidence list names the document), and the documents
sed "s/DOCUMENT_ID/$DOC/g" application.json > request.json
curl -sf -X PUT -H "$AUTH" -H 'Content-Type: application/json' --data-binary @request.json $INTAKE/v1/submissions/$ID

# 6. how is it?  (accepted, and a moment later acknowledged)
curl -sf -H "$AUTH" $INTAKE/v1/submissions/$ID

--- as an operator --------------------------------------------------------------------
{dev} antragsweiche follow $ID
{dev} antragsweiche tail submissions.events --follow
{dev} antragsweiche directory show --directory {directory} --anchor {anchor}

{dev} down stops everything."""


def walkthrough(running: Running) -> str:
    """The text; the files that it names are written beside the state file."""
    folder = Path(running.folders["walkthrough"])
    return _TEMPLATE.format(
        dev=ROOT / "dev",
        folder=folder,
        intake_url=running.intake_url,
        client_id=running.client_id,
        directory=running.folders["directory"],
        anchor=running.environment["DIRECTORY_ANCHOR_FILE"],
    )


def write_files(folder: Path, client_secret: str) -> None:
    """A small PDF, an application with a place for the document's id, and the client's secret."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "client-secret"
    secret.touch(mode=0o600)
    secret.write_text(client_secret)
    chosen = sample("georgsmarienhuette")
    document = next(each for each in chosen.documents if each.name.endswith(".pdf"))
    (folder / "Mietvertrag.pdf").write_bytes(document.content())
    ids = ["DOCUMENT_ID" if each is document else "" for each in chosen.documents]
    application = chosen.completed_with(ids)
    application["evidence"] = [entry for entry in application["evidence"] if entry.get("document") != ""]
    body = {"application": application, "documents": ["DOCUMENT_ID"]}
    (folder / "application.json").write_text(json.dumps(body, ensure_ascii=False))
