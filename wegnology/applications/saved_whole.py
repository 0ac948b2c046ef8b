"""What all rows of configuration have in common."""

from collections.abc import Callable, Collection
from typing import Any, ClassVar, TypeVar

from django.db import models, transaction

M = TypeVar("M", bound=models.Model, covariant=True)
Counted = tuple[int, dict[str, int]]
"""What `Model.delete` returns."""

_deleting: list[Callable[[Collection[models.Model]], Counted]] = []


def delete_with(delete: Callable[[Collection[models.Model]], Counted]) -> None:
    """Say how rows are deleted; the trash does, which knows all of them."""
    _deleting[:] = [delete]


def _delete(rows: Collection[models.Model]) -> Counted:
    (delete,) = _deleting
    return delete(rows)


class SavedWholeQuerySet(models.QuerySet[M]):
    """Rows of configuration; deleted together they go into the trash together."""

    def delete(self) -> Counted:
        """Delete into the trash, with all that goes along (see `trash`)."""
        return _delete(list(self))

    # Django's marks: not for the manager, where it would delete everything, and not for templates.
    delete.queryset_only = True  # type: ignore[attr-defined]
    delete.alters_data = True  # type: ignore[attr-defined]


# Of a name of its own, and not `as_manager()` in the class: mypy resolves what points to these rows in any order then.
SavedWholeManager = models.Manager.from_queryset(SavedWholeQuerySet)


class SavedWhole(models.Model):
    """A row of configuration. Its save and what follows (`revisions`, `audit`) are one transaction, also outside of a view.

    `in_trash` says whether it can be restored after it was deleted alone; it always can with what it belonged to.
    """

    in_trash: ClassVar[bool] = True

    objects = SavedWholeManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; the receivers of `post_save` take part in the transaction."""
        with transaction.atomic():
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Counted:
        """Delete into the trash, with all that goes along (see `trash`)."""
        return _delete([self])
