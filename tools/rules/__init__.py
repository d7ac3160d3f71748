"""Which normative rules of the RISC-V ISA manual do the tests check (`python -m tools.rules`)?

The manual names its rules in ``normative_rule_defs/<chapter>.yaml``. ``names/<chapter>.txt`` keeps those names; a test
says which of them it checks with ``@pytest.mark.rules("name", ...)``; ``docs/implementation-defined.toml`` says what
rvh does where the manual leaves a choice, and which rules are about something that rvh does not have. A rule is

- *tested* when pytest collects at least one test with its name,
- *documented* when no test has its name, but the file of choices,
- *untested* otherwise.
"""
