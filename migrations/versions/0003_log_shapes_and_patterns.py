"""The dictionary of shapes and patterns of log stores that keep no file of their own."""

import sqlalchemy as sa
from alembic import op

import services.database


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('log_patterns',
    sa.Column('organisation_id', sa.String(length=64), nullable=False),
    sa.Column('pattern_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('template', sa.Text(), nullable=False),
    sa.Column('merged_into', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('organisation_id', 'pattern_id', name=op.f('pk_log_patterns'))
    )
    op.create_table('log_shape_dictionaries',
    sa.Column('organisation_id', sa.String(length=64), nullable=False),
    sa.Column('mask_version', sa.Integer(), nullable=False),
    sa.Column('next_shape_id', sa.Integer(), nullable=False),
    sa.Column('shapes', sa.Integer(), nullable=False),
    sa.Column('shape_bytes', sa.BigInteger(), nullable=False),
    sa.Column('shapeless_sources', sa.Integer(), nullable=False),
    sa.Column('tree_version', sa.Integer(), nullable=True),
    sa.Column('changes', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('organisation_id', name=op.f('pk_log_shape_dictionaries'))
    )
    op.create_table('log_shapeless_sources',
    sa.Column('organisation_id', sa.String(length=64), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('organisation_id', 'digest', name=op.f('pk_log_shapeless_sources'))
    )
    op.create_table('log_shapes',
    sa.Column('organisation_id', sa.String(length=64), nullable=False),
    sa.Column('shape_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('mask_version', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('shape', sa.Text(), nullable=False),
    sa.Column('pattern_id', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('organisation_id', 'shape_id', name=op.f('pk_log_shapes'))
    )
    with op.batch_alter_table('log_shapes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_log_shapes_organisation_id_mask_version_digest'), ['organisation_id', 'mask_version', 'digest'], unique=True)
        batch_op.create_index(batch_op.f('ix_log_shapes_organisation_id_pattern_id'), ['organisation_id', 'pattern_id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('log_shapes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_log_shapes_organisation_id_pattern_id'))
        batch_op.drop_index(batch_op.f('ix_log_shapes_organisation_id_mask_version_digest'))

    op.drop_table('log_shapes')
    op.drop_table('log_shapeless_sources')
    op.drop_table('log_shape_dictionaries')
    op.drop_table('log_patterns')
