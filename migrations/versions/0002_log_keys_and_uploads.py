"""Idempotency keys and upload progress of log stores that share this database."""

import sqlalchemy as sa
from alembic import op

import services.database


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('log_keys',
    sa.Column('organisation_id', sa.String(length=64), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('payload', sa.String(length=64), nullable=False),
    sa.Column('spool', sa.String(length=32), nullable=False),
    sa.Column('stored_at', services.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('first_seq', sa.BigInteger(), nullable=True),
    sa.Column('records', sa.Integer(), nullable=False),
    sa.Column('times', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('organisation_id', 'key', name=op.f('pk_log_keys'))
    )
    with op.batch_alter_table('log_keys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_log_keys_stored_at'), ['stored_at'], unique=False)

    op.create_table('log_uploads',
    sa.Column('organisation_id', sa.String(length=64), nullable=False),
    sa.Column('upload_id', sa.String(length=128), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('records', sa.BigInteger(), nullable=False),
    sa.Column('problems', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('organisation_id', 'upload_id', name=op.f('pk_log_uploads'))
    )


def downgrade() -> None:
    op.drop_table('log_uploads')
    with op.batch_alter_table('log_keys', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_log_keys_stored_at'))

    op.drop_table('log_keys')
