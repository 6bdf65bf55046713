"""What went wrong with the Hugging Face Hub, and what a person does about it."""

import contextlib
import errno
import re
from collections.abc import Iterator

import httpx2
from huggingface_hub import errors

from roleplay.errors import PackError
from roleplay.text import one_line

_SECRET = re.compile(r"\b(hf|api_org)_\w{4,}|\bBearer\s+\S+", re.IGNORECASE)
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
"""Errors of this machine's disk; `storing` tells of them."""
_LOGIN = "log in with 'hf auth login'"
_STATUS = {
    401: f"does not know you; {_LOGIN}",
    402: "wants to be paid for that; look at your account there",
    403: "does not let you do that; log in with a token that may write there",
    413: "finds it too large; leave something out",
    429: "is asked too often; wait a while",
}


@contextlib.contextmanager
def hub_errors(repo_id: str) -> Iterator[None]:
    """Turn the library's errors about `repo_id` into one clear PackError each."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RuntimeError, errors.XetDownloadError) as error:
        if isinstance(error, OSError) and error.errno in _DISK:
            raise
        raise PackError(hub_trouble(one_line(repo_id, 120), error)) from error
    except (KeyError, TypeError, AttributeError, AssertionError) as error:
        # The library reads answers without checking them.
        raise PackError(f"what answers for {one_line(repo_id, 120)} is no hub; check HF_ENDPOINT") from error


def hub_trouble(repo: str, error: Exception) -> str:
    """An error of the library as a message; no token is ever in it."""
    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"{repo} cannot be asked for: HF_HUB_OFFLINE is set; unset it"
    if isinstance(error, errors.HFValidationError):
        return f"'{repo}' is no name of a repository; write OWNER/NAME, as it stands in its address"
    if isinstance(error, errors.GatedRepoError):
        return f"{repo} is open to those whom its owner lets in; ask on its page, and {_LOGIN}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the hub has no {repo} that you may see; check the name, and {_LOGIN} where it is private"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo} has no such revision; give a branch, a tag or a commit of it"
    if isinstance(error, errors.DisabledRepoError):
        return f"the hub has closed {repo}; ask its owner"
    if isinstance(error, errors.LocalTokenNotFoundError):
        return f"the hub does not know who asks for {repo}; {_LOGIN}"
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        said = _SECRET.sub("…", one_line(error.server_message or "", 160))
        remedy = _STATUS.get(status, "failed; try again later")
        return f"the hub {remedy} ({repo}, status {status}{': ' if said else ''}{said})"
    if isinstance(error, httpx2.TransportError | errors.LocalEntryNotFoundError):
        return f"the hub cannot be reached for {repo}, or hung up; check the network, then run the same command again"
    reason = _SECRET.sub("…", one_line(str(error), 160)) or type(error).__name__
    return f"the hub did not give or take {repo} as it should: {reason}; run the same command again"
