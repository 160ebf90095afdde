# How pint judges alerting/rules:
#   pint --offline --config alerting/.pint.hcl lint --min-severity=info --fail-on=info alerting/rules
checks {
  disabled = [
    # Groups are by what they cost and how often they need be evaluated, not by who reads whom. A rule that reads another
    # group's reads a value that is one interval old at most, which each alert's `for` and window leave room for.
    "rule/dependency",
  ]
}
