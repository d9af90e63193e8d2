"""The contract of channels; its asserts explain themselves like those of tests."""

import pytest

pytest.register_assert_rewrite("tests.integration.channels.contract", "tests.integration.channels.story")
