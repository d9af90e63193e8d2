"""The conformance of channels; its asserts explain themselves like those of tests."""

import pytest

pytest.register_assert_rewrite("tests.integration.channels.eyes", "tests.integration.channels.story")
