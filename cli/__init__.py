"""The command line `./alpes`: each verb prints tables and sentences for people, or one JSON value for programs."""
