"""Where the numbers of the report come from."""

from isic_mmdet.report.page.evaluation import Evaluation
from isic_mmdet.report.run_files import training_data


def data_and_split(evaluation: Evaluation) -> str:
    """Return data set and split, such as 'isic2018 test', as far as they are known."""
    return ' '.join(str(evaluation.find(key)) for key in ('data', 'split') if evaluation.find(key))


def provenance(evaluation: Evaluation) -> dict[str, str]:
    """Return what `metrics.json` says about the evaluation and the training, by its name."""
    find = evaluation.find
    seconds, versions = find('training', 'seconds'), find('versions') or {}
    facts = {
        'config': find('config'),
        'data': data_and_split(evaluation),
        'checkpoint': find('checkpoint'),
        'SHA-256 of the checkpoint': find('checkpoint_sha256'),
        'epoch': find('epoch'),
        'trained from': find('training', 'weights'),
        'trained on': training_data(find('training')),
        'seed': find('seed'),
        'training command': find('training', 'command'),
        'training hardware': find('training', 'hardware'),
        'training time': None if seconds is None else f'{seconds / 60:.1f} minutes',
        'evaluation command': find('command'),
        'evaluation hardware': find('hardware'),
        'date': find('date'),
        'versions': ', '.join(f'{name} {version}' for name, version in versions.items()),
    }
    return {name: str(value) for name, value in facts.items() if value not in (None, '')}
