"""Requests to an OpenAI-compatible endpoint: retries, waits, and when there is no point in them."""

import json
import os
import random
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from gner_core.config.systems.chat import ChatExecution, ChatSystem
from gner_core.errors import InputError, Stopped
from gner_core.retry_after import retry_after
from gner_core.runtime.log import say
from gner_core.systems.chat.answers import answer_of, filtered
from gner_core.systems.chat.prompts import Question

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds between two attempts where the endpoint does not name any; doubled each time."""
NOTED_WAIT = 5.0
"""Seconds from which a wait that the endpoint asks for is written to the log."""
BUSY = (408, 409, 425, 429)
"""Statuses that may pass, besides those from 500."""
NO_QUOTA = "insufficient_quota"
EXCERPT = 200
"""Characters of what an endpoint writes that a message shows."""
KEY = re.compile(r"[!#-\[\]-~]*")
"""Visible ASCII without quotes and backslashes, so that JSON holds a key as it is."""
NO_KEY = "none"
"""Is sent in the place of a key, which the client insists on."""
AGAIN = "run this again later, which asks no answered question twice"


class _Passing(Exception):  # noqa: N818 (not the caller's)
    """A fault that may pass; `wait` is what the endpoint asks for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Endpoint:
    """One endpoint, which several threads may ask at the same time."""

    def __init__(
        self, system: ChatSystem, execution: ChatExecution, stopping: threading.Event
    ) -> None:
        """Read the key from the environment; nothing is asked yet.

        Args:
            stopping: once it is set, all who wait for another attempt give up.

        Raises:
            InputError: when the client is not installed, or the key cannot be one.
        """
        try:
            import openai  # takes a second, which other commands need not spend
        except ImportError:
            raise InputError(
                "system: chat needs the package openai: pip install 'gner[chat]'"
            ) from None
        self._openai = openai
        self._url, self._execution = system.base_url, execution
        self._key = _key(execution.key_variable)
        self._client = openai.OpenAI(
            api_key=self._key or NO_KEY,
            base_url=system.base_url,
            timeout=execution.timeout_seconds,
            max_retries=0,  # the client repeats what has no point, and gives up on long waits
        )
        self._stopping = stopping
        self._lock = threading.Lock()
        self._not_before = 0.0  # of the monotonic clock

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def ask(self, question: Question) -> Mapping[str, Any]:
        """Return the response to a question, with as many attempts as are allowed.

        Raises:
            InputError: when the endpoint refuses the question or the key, has no quota left, asks
                for too long a wait, or gives no answer in all attempts.
            Stopped: when work is to stop before an answer came.
        """
        pause = FIRST_PAUSE
        for attempt in range(1, self._execution.attempts + 1):
            self._wait_for_turn()
            try:
                return self._asked(question)
            except _Passing as fault:
                if attempt == self._execution.attempts:
                    tries = f"{attempt} attempts" if attempt > 1 else "1 attempt"
                    raise InputError(
                        self._said(f"{fault}, in {tries} ({question.about}); {AGAIN}")
                    ) from None
                if fault.wait is not None:
                    self._hold_all(fault.wait)
                elif self._stopping.wait(pause * random.uniform(0.75, 1.0)):
                    break
                pause = min(2 * pause, LONGEST_PAUSE)
        raise Stopped("the question was not asked again")

    def _asked(self, question: Question) -> Mapping[str, Any]:
        """Send one request.

        Raises:
            _Passing: for a fault that may pass.
            InputError: for one that does not.
        """
        import httpx2

        try:
            response = self._client.post(
                "/chat/completions", body=dict(question.body), cast_to=httpx2.Response
            )
            text = response.text
        except self._openai.APITimeoutError:
            seconds = self._execution.timeout_seconds
            raise _Passing(f"no answer within {seconds:g} seconds") from None
        except self._openai.APIStatusError as error:
            return self._refused(error, question)
        except (self._openai.APIConnectionError, httpx2.HTTPError) as error:
            reason = type(error.__cause__ or error).__name__
            raise _Passing(f"the connection failed ({reason})") from None
        try:
            answer = self._blotted(json.loads(text))
        except (ValueError, RecursionError):
            answer = None
        if answer_of(answer) is None:
            raise _Passing(f"no chat completion but {self._excerpt(text)!r}")
        found: Mapping[str, Any] = answer
        return found

    def _refused(self, error: Any, question: Question) -> Mapping[str, Any]:
        """Return the answer that a status of an error is, where it is one; else raise."""
        status, body = error.status_code, error.body
        details = body if isinstance(body, dict) else {}
        kinds = {str(details.get("code")), str(details.get("type"))}
        if status == 400 and "content_filter" in kinds:  # the question, not the answer, is filtered
            return filtered(self._blotted(details))
        reason = (
            f"HTTP {status}: {self._excerpt(str(details.get('message') or error.response.text))}"
        )
        if status == 401:
            raise InputError(self._said(f"HTTP 401: {self._key_wanted()}"))
        if NO_QUOTA in kinds:
            raise InputError(self._said(f"the quota is used up ({reason}); {AGAIN}"))
        if status in BUSY or status >= 500:
            raise _Passing(reason, self._wait_asked_for(error.response.headers))
        hint = ""
        if "context_length_exceeded" in kinds:
            hint = "; the text is too long for the model: set cut_at_words in the corpus"
        raise InputError(self._said(f"{reason} ({question.about}){hint}"))

    def _key_wanted(self) -> str:
        variable = self._execution.key_variable
        if variable is None:
            return "a key is wanted; name its variable in execution.chat.key_variable"
        if not self._key:
            return f"a key is wanted, and {variable} is empty or not set"
        return f"the key in {variable} is refused"

    def _wait_asked_for(self, headers: Mapping[str, str]) -> float | None:
        """Return the wait in seconds that headers name, None for none.

        Raises:
            InputError: when it is longer than is allowed.
        """
        wait = retry_after(headers, now=time.time())
        longest = self._execution.longest_wait_seconds
        if wait is not None and wait > longest:
            raise InputError(
                self._said(
                    f"the endpoint asks to wait {wait:.0f} seconds, longer than "
                    f"execution.chat.longest_wait_seconds of {longest:g}; {AGAIN}"
                )
            )
        return wait

    def _hold_all(self, seconds: float) -> None:
        """Let no thread ask before a wait is over: a limit of an endpoint holds for all."""
        if seconds >= NOTED_WAIT:
            say(f"{self._url} asks to wait {seconds:.0f} seconds")
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _wait_for_turn(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0:
            if self._stopping.wait(left):
                break
        if self._stopping.is_set():
            raise Stopped("the question was not asked")

    def _said(self, reason: str) -> str:
        return self._without_key(f"{self._url}: {reason}")

    def _excerpt(self, text: str) -> str:
        """Return the beginning of a text of the endpoint as one line."""
        line = " ".join(self._without_key(text).split())
        return line if len(line) <= EXCERPT else f"{line[:EXCERPT]}…"

    def _blotted(self, value: Any) -> Any:
        return json.loads(self._without_key(json.dumps(value)))

    def _without_key(self, text: str) -> str:
        """Blot out the key, which an endpoint may repeat."""
        return text.replace(self._key, "[key]") if self._key else text


def _key(variable: str | None) -> str:
    """Return the value of an environment variable, empty where there is none.

    Raises:
        InputError: for a value that cannot be sent; it does not show it.
    """
    key = os.environ.get(variable, "").strip() if variable else ""
    if not KEY.fullmatch(key):
        raise InputError(f"{variable}: holds blanks, quotes or other characters that no key has")
    return key
