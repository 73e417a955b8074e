"""Who may say what: every signed thing of the project, made and checked in one place each.

    anchor      directory entries, by the offline directory key
    platform    the platform's own key set         keys     keys inside entries
    manifests   manifests, by the door             content  the manifest's `content` claim
    push        pushes and probes (RFC 9421)       answers  accepts and rejects, by a Jobcenter
    drops       pushes that are laid down as files
    proofs      a Jobcenter's new keys

Each check raises `InvalidSignature` with a code and gives back only what it has checked.
"""
