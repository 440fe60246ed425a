"""A local AWS for tidegate.

LocalStack's free edition has no load balancers, no Auto Scaling, no CodeDeploy and no ECS, and
moto, which has them, answers as if everything happened at once. This package supplies what lies
between: LocalStack providers that hand each call to moto and add the behaviour a rehearsal depends
on, plus the one command that installs, starts, seeds and stops it all.

This module imports nothing, so that the command line can run before anything is installed.
"""
