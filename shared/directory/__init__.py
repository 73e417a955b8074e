"""The directory: who is responsible for which place, and how to reach them.

tables     the product's own compact tables: districts, municipalities, postcodes, the 104 municipal Jobcenters
resolve    pure: postcode and municipality → municipal, joint, ambiguous or unknown
search     pure: typed names → municipalities
base       the 104 unsigned entries to begin with
snapshot   the signed entries as one reader sees them; refuses what is unsigned, foreign, older or deleted
decide     pure: where an application goes; the same function at intake and at the router
follower   keeps a snapshot up to date from Kafka
publisher  puts signed entries on Kafka, their topics first
folder     the operator's folder of signed entries, the source of truth
compile    `python -m shared.directory.compile SOURCE_DIR` writes the tables anew, with checks
"""
