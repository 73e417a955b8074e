"""The fault campaign of `./dev chaos`: the whole system, steady load, random faults, and a checker that knows every id.

| module | what |
|---|---|
| `cast` | the twelve Jobcenters, and how each one's receiver misbehaves |
| `receiver` | the receiver as a process, with that misbehaviour around it |
| `ahead` | a service as a process, with its clock ahead |
| `network` | Toxiproxy between any two processes |
| `faults` | pure: which fault happens when, from a seed; and what carries it out |
| `load` | careful portals that send, and remember what they sent and which receipt they got |
| `evidence` | what can be found afterwards in store, topics, journals and hand-over folders |
| `checker` | pure: receipts against endings against folders |
| `campaign` | all of it in order |
"""
