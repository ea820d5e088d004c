"""Whole numbers with a least value, as options of several verbs."""

from typing import Annotated

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]
"""How many processes, images or bands."""

AtLeastZero = Annotated[int, Parameter(validator=validators.Number(gte=0))]
"""A place counted from zero."""
