"""The contracts between services: ids, manifest, store objects, messages, events, directory entries, topics.

Everything here is data without behaviour. A change must stay readable to every consumer of what is still kept:
fields may be added with a default, never removed, renamed or given another meaning.
"""
